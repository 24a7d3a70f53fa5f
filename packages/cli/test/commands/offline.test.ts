import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { geometryOf } from '@floe/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runBlobId, runDecode, runEncode } from '../../src/commands/offline.ts';
import { createOutput } from '../../src/output.ts';
import { checkEncoded, contentOf, isSmall, vectors } from '../support/encoded.ts';

const { signal } = new AbortController();
/** 10 shards: any 4 primary slivers are enough, or any 7 secondary ones. */
const SHARDS = 10;
const BLOB = Uint8Array.from({ length: 50_000 }, (_, i) => (i * i) % 253);

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'floe-offline-'));
});
afterAll(async () => {
  await rm(home, { recursive: true });
});

/** Runs a command's work; returns what it printed on both streams. */
async function printed(json: boolean, work: (output: ReturnType<typeof createOutput>) => Promise<void>) {
  const text = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    write: (part: string | Uint8Array) => {
      text[name] += String(part);
      return true;
    },
    isTTY: false,
    columns: 80,
  });
  await work(createOutput(json, { stdout: stream('stdout'), stderr: stream('stderr') }));
  return text;
}

async function blobIds(paths: readonly string[], nShards: number): Promise<string[]> {
  const { stdout } = await printed(true, (output) => runBlobId(paths, { shards: nShards }, output, signal));
  return (JSON.parse(stdout) as { blobId: string }[]).map(({ blobId }) => blobId);
}

const encode = (path: string, nShards: number, out: string) =>
  printed(true, (output) => runEncode(path, { shards: nShards, out }, output, signal));

const decode = (directory: string, out: string) =>
  printed(false, (output) => runDecode(directory, { out }, output, signal));

describe('blob-id and encode', () => {
  const small = vectors.filter(isSmall);

  it('agree with the official encoder on its vectors', async () => {
    expect(small.length).toBeGreaterThan(25);
    for (const [number, vector] of small.entries()) {
      const path = join(home, `vector-${number}`);
      await writeFile(path, contentOf(vector));
      expect(await blobIds([path], vector.n_shards)).toEqual([vector.blob_id_base64url]);
      const { stdout } = await encode(path, vector.n_shards, `${path}.slivers`);
      expect(JSON.parse(stdout)).toMatchObject({ blobId: vector.blob_id_base64url, nShards: vector.n_shards });
      await checkEncoded(`${path}.slivers`, vector);
    }
  });

  it('refuse a file above the maximum by its size alone, naming it', async () => {
    const path = join(home, 'sparse');
    await writeFile(path, '');
    await truncate(path, 2 ** 40);
    const expected = { code: 'BLOB_TOO_LARGE', data: { path, sizeBytes: 2 ** 40, nShards: 4 } };
    await expect(blobIds([path], 4)).rejects.toMatchObject(expected);
    await expect(encode(path, 4, join(home, 'never'))).rejects.toMatchObject(expected);
    expect(await readdir(home)).not.toContain('never');
  });

  it('compute many small files together, large ones among them, in their order', async () => {
    const files = Array.from({ length: 70 }, (_, i) => i);
    const paths = await Promise.all(
      files.map(async (i) => {
        const path = join(home, `many-${i}`);
        await writeFile(path, contentOf(small[i % 3] as (typeof small)[number]));
        return path;
      }),
    );
    const large = join(home, 'large');
    await writeFile(large, new Uint8Array(100_000).fill(7));
    const alone = [await blobIds([paths[0] as string], 13), await blobIds([large], 13)].flat();
    const all = await blobIds([...paths, large, paths[0] as string], 13);
    expect(all).toHaveLength(72);
    expect([all[0], all[70], all[71]]).toEqual([alone[0], alone[1], alone[0]]);
    expect(new Set(all).size).toBe(4);
  });

  it('name a file that is not there, or none', async () => {
    const missing = join(home, 'missing');
    await expect(blobIds([missing], 10)).rejects.toMatchObject({ code: 'FILE_UNREADABLE', data: { path: missing } });
    await expect(encode(home, 10, join(home, 'never'))).rejects.toMatchObject({ data: { path: home } });
  });

  describe('into a directory that holds an encoding', () => {
    const [first, second] = [BLOB.subarray(0, 3000), BLOB.subarray(3000)];
    let path: string;
    let out: string;
    let trials = 0;
    beforeEach(async () => {
      trials += 1;
      path = join(home, `kept-${trials}`);
      out = `${path}.slivers`;
      await writeFile(path, first);
      await encode(path, 7, out);
      await writeFile(path, second);
    });
    const decoded = async (): Promise<Uint8Array> => {
      await printed(false, (output) => runDecode(out, { out: `${path}.out` }, output, signal));
      return new Uint8Array(await readFile(`${path}.out`));
    };

    it('is refused, and what is there stays', async () => {
      const expected = { code: 'DIRECTORY_NOT_EMPTY', data: { directory: out, holds: 'metadata.bcs' } };
      await expect(encode(path, 7, out)).rejects.toMatchObject(expected);
      expect(await decoded()).toEqual(first);
      await rm(join(out, 'metadata.bcs'));
      await expect(encode(path, 7, out)).rejects.toMatchObject({
        message: expect.stringContaining('holds primary-0 already') as string,
      });
    });

    it('replaces it with --force, and leaves no sliver of it', async () => {
      await printed(true, (output) => runEncode(path, { shards: 4, out, force: true }, output, signal));
      expect(await decoded()).toEqual(second);
      expect(await readdir(out)).toHaveLength(9);
    });

    it('is done next to other files, which stay', async () => {
      await mkdir(`${out}.notes`);
      for (const name of ['notes.txt', 'primary-01']) await writeFile(join(`${out}.notes`, name), '');
      await encode(path, 4, `${out}.notes`);
      expect(await readdir(`${out}.notes`)).toHaveLength(11);
    });
  });

  it('leave nothing of an encoding that failed', async () => {
    const [path, out] = [join(home, 'file'), join(home, 'stopped')];
    await writeFile(path, BLOB);
    const stopped = new AbortController();
    const stopping = printed(true, (output) => {
      const stop = (): void => stopped.abort(new Error('enough'));
      const progress = () => ({ update: stop, done: () => undefined });
      return runEncode(path, { shards: 10, out }, { ...output, progress }, stopped.signal);
    });
    await expect(stopping).rejects.toThrow('enough');
    expect(await readdir(home)).not.toContain('stopped');
  });

  it('name a directory that cannot be made', async () => {
    const [path, inTheWay] = [join(home, 'file'), join(home, 'taken')];
    await writeFile(path, BLOB);
    await writeFile(inTheWay, '');
    await expect(encode(path, 10, inTheWay)).rejects.toMatchObject({
      code: 'FILE_UNWRITABLE',
      data: { path: inTheWay, detail: 'there is a file of that name' },
    });
  });
});

describe('decode', () => {
  const { rows, columns } = geometryOf(SHARDS);
  let whole: string;
  let directory: string;
  let out: string;
  let trials = 0;

  beforeAll(async () => {
    const path = join(home, 'blob');
    whole = join(home, 'whole');
    await writeFile(path, BLOB);
    await encode(path, SHARDS, whole);
  });
  beforeEach(() => {
    trials += 1;
    directory = join(home, `part-${trials}`);
    out = join(home, `out-${trials}`);
  });

  async function keep(names: readonly string[]): Promise<void> {
    await mkdir(directory);
    for (const name of names) await copyFile(join(whole, name), join(directory, name));
  }

  const some = (axis: string, indices: readonly number[]): string[] => indices.map((index) => `${axis}-${index}`);
  const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => (from + i) % SHARDS);

  it.each([
    ['the first primary slivers', some('primary', range(0, rows))],
    ['the last primary slivers', some('primary', range(SHARDS - rows, rows))],
    ['a mix of primary slivers', some('primary', [9, 0, 5, 2])],
    ['the first secondary slivers', some('secondary', range(0, columns))],
    ['the last secondary slivers', some('secondary', range(SHARDS - columns, columns))],
    [
      'a few primary and enough secondary slivers',
      [...some('primary', [1, 2, 3]), ...some('secondary', range(3, columns))],
    ],
  ])('rebuilds the file from %s', async (_name, names) => {
    await keep([...names, 'metadata.bcs']);
    const { stdout, stderr } = await decode(directory, out);
    expect(Buffer.compare(await readFile(out), BLOB)).toBe(0);
    expect(stdout).toContain(`written to ${out}`);
    expect(stderr).not.toContain('warning');
  });

  it('leaves out damaged, cut, misnamed and foreign slivers, and says which', async () => {
    await keep([...some('primary', range(0, SHARDS)), 'metadata.bcs']);
    const flipped = await readFile(join(whole, 'primary-0'));
    flipped[1000] = (flipped[1000] as number) ^ 1;
    await writeFile(join(directory, 'primary-0'), flipped);
    await truncate(join(directory, 'primary-1'), 100);
    await copyFile(join(whole, 'primary-9'), join(directory, 'primary-2'));
    await writeFile(join(directory, 'primary-3'), '');
    const [other, otherWhole] = [join(home, 'other'), join(home, 'other-whole')];
    await writeFile(other, BLOB.toReversed());
    await encode(other, SHARDS, otherWhole);
    await copyFile(join(otherWhole, 'primary-4'), join(directory, 'primary-4'));
    const { stderr } = await decode(directory, out);
    expect(Buffer.compare(await readFile(out), BLOB)).toBe(0);
    for (const index of range(0, 5)) expect(stderr).toContain(`primary-${index} is damaged and was left out`);
    expect(stderr).not.toContain('primary-5 is damaged');
  });

  it('leaves out slivers that cannot be read, and one that is too long', async () => {
    await keep([...some('primary', range(4, SHARDS - 4)), 'metadata.bcs']);
    await mkdir(join(directory, 'primary-0'));
    await symlink('primary-1', join(directory, 'primary-1'));
    await symlink('nowhere', join(directory, 'primary-2'));
    await writeFile(join(directory, 'primary-3'), '');
    await truncate(join(directory, 'primary-3'), 2 ** 40);
    const { stderr } = await decode(directory, out);
    expect(Buffer.compare(await readFile(out), BLOB)).toBe(0);
    expect(stderr.match(/^warning: .*/gm)).toEqual([
      'warning: primary-0 cannot be read (it is not a regular file) and was left out',
      'warning: primary-1 cannot be read (its symbolic links lead in a circle) and was left out',
      'warning: primary-2 cannot be read (there is no such file) and was left out',
      'warning: primary-3 is damaged and was left out',
    ]);
  });

  it('names some of those left out when the others are too few', async () => {
    await keep([...some('primary', range(0, rows)), 'metadata.bcs']);
    for (const name of some('primary', range(0, rows))) await truncate(join(directory, name), 10);
    for (const name of some('secondary', range(0, 3))) await mkdir(join(directory, name));
    await expect(decode(directory, out)).rejects.toMatchObject({
      code: 'ENCODED_DIRECTORY_INVALID',
      message: expect.stringContaining(
        'primary-3 is damaged, secondary-0 cannot be read (it is not a regular file), and so for 2 more',
      ) as string,
    });
  });

  it('says how many there are of how many needed, and writes nothing', async () => {
    await keep([...some('primary', range(2, rows - 1)), ...some('secondary', range(0, columns - 1)), 'metadata.bcs']);
    await expect(decode(directory, out)).rejects.toMatchObject({
      code: 'ENCODED_DIRECTORY_INVALID',
      message: expect.stringContaining(
        `it has ${rows - 1} good primary slivers of the ${rows} needed, and ` +
          `${columns - 1} good secondary slivers of the ${columns} needed`,
      ) as string,
    });
    expect(await readdir(home)).not.toContain(out.slice(home.length + 1));
  });

  it('needs metadata, and metadata that hash to their blob id', async () => {
    await keep(some('primary', range(0, rows)));
    const path = join(directory, 'metadata.bcs');
    await expect(decode(directory, out)).rejects.toMatchObject({ code: 'FILE_UNREADABLE', data: { path } });
    const metadata = await readFile(join(whole, 'metadata.bcs'));
    metadata[200] = (metadata[200] as number) ^ 1;
    await writeFile(path, metadata);
    await expect(decode(directory, out)).rejects.toMatchObject({ code: 'ENCODED_DIRECTORY_INVALID' });
    await writeFile(path, metadata.subarray(0, 100));
    await expect(decode(directory, out)).rejects.toMatchObject({ code: 'ENCODED_DIRECTORY_INVALID' });
    await expect(decode(join(home, 'nowhere'), out)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });

  it('takes metadata without their blob id too, as nodes serve and store them', async () => {
    await keep(some('primary', range(0, rows)));
    const withId = await readFile(join(whole, 'metadata.bcs'));
    await writeFile(join(directory, 'metadata.bcs'), withId.subarray(32));
    await decode(directory, out);
    expect(Buffer.compare(await readFile(out), BLOB)).toBe(0);
  });

  it('keeps what was at the output when it fails', async () => {
    await keep(['metadata.bcs', 'primary-1']);
    await writeFile(out, 'precious');
    await expect(decode(directory, out)).rejects.toMatchObject({ code: 'ENCODED_DIRECTORY_INVALID' });
    expect(await readFile(out, 'utf8')).toBe('precious');
    expect((await readdir(home)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('rebuilds an empty file', async () => {
    const path = join(home, 'empty');
    await writeFile(path, '');
    await encode(path, SHARDS, directory);
    await decode(directory, out);
    expect((await readFile(out)).length).toBe(0);
  });
});
