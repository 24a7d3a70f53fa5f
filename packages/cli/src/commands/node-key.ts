/** `floe node make-key`: a key for a storage node to change to. */
import { resolve } from 'node:path';
import { toHex } from '@floe/platform';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { generateBlsSecretKey } from '../keys.ts';
import { readBlsKey, writeBlsKey } from '../node-config.ts';
import type { Output } from '../output.ts';

export interface MakeKeyOptions {
  readonly json?: boolean;
}

/** A file that is there is kept, so that a key in use is never lost. */
export async function runMakeKey(file: string, output: Output): Promise<void> {
  const path = resolve(file);
  const isNew = await writeBlsKey(path, generateBlsSecretKey(), { replace: false });
  const publicKey = toHex((await createMclBls()).publicKey(await readBlsKey(path)));
  output.line(isNew ? `made a key: ${path}` : `there is a key already: ${path}`);
  output.line(`  public key ${publicKey}`);
  output.line("To change to it, name it as nextProtocolKeyFile in the node's configuration, and start the node again.");
  output.result({ file: path, publicKey, isNew });
}
