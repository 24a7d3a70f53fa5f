import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbStore } from '@floe/platform/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runLedgerRestore } from '../../src/commands/ledger.ts';
import { createOutput } from '../../src/output.ts';

const { signal } = new AbortController();

let home: string;
let file: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'floe-ledger-'));
  file = join(home, 'file');
  await writeFile(file, 'no snapshot');
});
afterEach(async () => {
  await rm(home, { recursive: true });
});

const restore = (dir: string, source = file) => runLedgerRestore(source, { dir }, createOutput(true), signal);

describe('a restoration of a ledger that fails', () => {
  it('removes the directories that it made, and no other', async () => {
    await expect(restore(join(home, 'new', 'network'))).rejects.toMatchObject({ code: 'SNAPSHOT_INVALID' });
    expect(await readdir(home)).toEqual(['file']);
    await mkdir(join(home, 'kept', 'ledger'), { recursive: true });
    await writeFile(join(home, 'kept', 'ledger', 'notes'), 'of a person');
    await expect(restore(join(home, 'kept'))).rejects.toMatchObject({ code: 'SNAPSHOT_INVALID' });
    expect(await readdir(join(home, 'kept'))).toEqual(['ledger']);
    expect(await readdir(join(home, 'kept', 'ledger'))).toEqual(['notes']);
  });

  it('leaves a store that was there before as it was', async () => {
    const directory = join(home, 'network', 'ledger');
    await mkdir(directory, { recursive: true });
    const store = await openLmdbStore({ directory });
    const row = { table: 'ledger-objects', key: Uint8Array.of(1), value: Uint8Array.of(2) };
    await store.write([{ kind: 'put', ...row }]);
    await store.close();
    await expect(restore(join(home, 'network'))).rejects.toMatchObject({ code: 'SNAPSHOT_TARGET_USED' });
    const again = await openLmdbStore({ directory });
    expect(again.get(row.table, row.key)).toEqual(row.value);
    await again.close();
  });
});
