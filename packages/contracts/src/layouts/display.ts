/** BCS layouts of object display: templates by which wallets show objects. Sui's rules: object display. */
import { bcs } from '@mysten/sui/bcs';
import { id, string, table, u16, vecMap } from '../move-values.ts';

/** `0x2::display::Display<T>` */
export const Display = bcs.struct('Display', { id, fields: vecMap(string, string), version: u16 });

/** `0x2::package::Publisher`; the package without `0x`. */
export const Publisher = bcs.struct('Publisher', { id, package: string, moduleName: string });

/** The shared object `display::ObjectDisplay`. */
export const ObjectDisplay = bcs.struct('ObjectDisplay', { id, inner: table });
