/**
 * The two codes of Red Stuff (Walrus encoding rules: expansion): a row of the matrix is a codeword of the row code, a
 * column of the column code. A primary sliver is the source part of a row, a secondary sliver that of a column.
 */
import type { LineCode } from '@floe/kernels';
import { type Axis, type Geometry, symbolsPerSliver } from '@floe/protocol';

/** The code of which a sliver of `axis` is the source part. */
export function lineCode(geometry: Geometry, axis: Axis): LineCode {
  const sourceCount = symbolsPerSliver(geometry, axis);
  return { sourceCount, recoveryCount: geometry.nShards - sourceCount };
}
