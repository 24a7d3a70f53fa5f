import type { KeyValueStore } from '@floe/platform';
import { createMemoryFileSystem, createMemoryStore, type MemoryFileSystem, seededRng } from '@floe/platform/memory';
import type { Epoch } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import type { SegmentLog } from '../src/segment-log/segment-log.ts';
import { CrashingStore, epochOf, keyOf, mortal, openLog, payloadOf } from './segment-log-harness.ts';

/** What the outside knows of a key when the power fails. */
interface Known {
  /** Payloads that may be there; the last acknowledged one and those attempted after it. */
  readonly possible: Set<number | undefined>;
}

const KEYS = 24;
const FINISHED = 'finished';

/** Puts, removes and puts again, several at once; `known` follows what was acknowledged. */
async function work(log: SegmentLog, known: Map<number, Known>): Promise<typeof FINISHED> {
  const put = async (i: number, version: number): Promise<void> => {
    const { possible } = entry(known, i);
    if (log.has(keyOf(i))) return;
    possible.add(version);
    if ((await log.put(keyOf(i), payloadOf(i, version), epochOf(i + version))) === 'stored') {
      possible.clear();
      possible.add(version);
    }
  };
  const removeAll = async (numbers: readonly number[]): Promise<void> => {
    for (const i of numbers) entry(known, i).possible.add(undefined);
    await log.remove(numbers.map(keyOf));
    for (const i of numbers) {
      entry(known, i).possible.clear();
      entry(known, i).possible.add(undefined);
    }
  };
  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
  await Promise.all(range(0, 9).map((i) => put(i, 0)));
  await removeAll([1, 2, 3]);
  for (const i of range(9, 12)) await put(i, 0);
  await Promise.all([...range(12, 20).map((i) => put(i, 0)), put(1, 1), removeAll([5, 6])]);
  await Promise.all([put(5, 1), put(2, 1), ...range(20, KEYS).map((i) => put(i, 0))]);
  for (const { id } of log.segments()) await log.empty(id, { endEpochOf: () => 13 as Epoch });
  await removeAll([12, 1]);
  return FINISHED;
}

function entry(known: Map<number, Known>, i: number): Known {
  const existing = known.get(i);
  if (existing !== undefined) return existing;
  const fresh: Known = { possible: new Set([undefined]) };
  known.set(i, fresh);
  return fresh;
}

/** What is there now must be one of the possible payloads. */
async function check(log: SegmentLog, known: Map<number, Known>): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (let i = 0; i < KEYS; i += 1) {
    const bytes = await log.get(keyOf(i));
    const versions = [...entry(known, i).possible];
    const isPossible = versions.some((version) =>
      version === undefined ? bytes === undefined : bytes !== undefined && same(bytes, payloadOf(i, version)),
    );
    expect(isPossible, `key ${i}: ${versions.join()} expected, ${bytes?.length} bytes found`).toBe(true);
    expect(log.has(keyOf(i))).toBe(bytes !== undefined);
    found.set(i, bytes === undefined ? '' : bytes.join());
  }
  return found;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** After a crash: opens with the index as it is, crashes once more at once, opens again, then without any index. */
async function checkAfterCrash(
  fileSystem: MemoryFileSystem,
  reopen: () => KeyValueStore,
  known: Map<number, Known>,
): Promise<void> {
  const recovered = await openLog(fileSystem, reopen());
  const found = await check(recovered, known);
  // What was seen once stays, even if the power fails again before anything else is written.
  fileSystem.crash();
  const again = await openLog(fileSystem, reopen());
  expect(await check(again, known)).toEqual(found);
  await again.put(keyOf(200), payloadOf(200), epochOf(0));
  await again.put(keyOf(201), payloadOf(201), epochOf(1));
  await again.close();
  const rebuilt = await openLog(fileSystem, createMemoryStore());
  expect(await check(rebuilt, known)).toEqual(found);
  expect(await rebuilt.get(keyOf(200))).toEqual(payloadOf(200));
  await rebuilt.close();
}

async function changesOfWork(): Promise<number> {
  const fileSystem = createMemoryFileSystem();
  await work(await openLog(fileSystem, createMemoryStore()), new Map());
  return fileSystem.changes;
}

describe('a segment log whose power fails', () => {
  it('loses nothing acknowledged and serves nothing torn, at every change of the disk and with every tearing tried', async () => {
    const changes = await changesOfWork();
    expect(changes).toBeGreaterThan(40);
    for (let cut = 0; cut <= changes; cut += 1) {
      for (let seed = 0; seed < 3; seed += 1) {
        const rng = seededRng(`cut ${cut} seed ${seed}`);
        const fileSystem = createMemoryFileSystem({ rng });
        const store = createMemoryStore({ rng });
        const known = new Map<number, Known>();
        const process = mortal(fileSystem);
        const log = await openLog(process.fileSystem, store);
        fileSystem.powerOffAfter(Math.max(0, cut - fileSystem.changes));
        await work(log, known).catch(() => undefined);
        process.kill();
        fileSystem.crash();
        let last = store;
        await checkAfterCrash(fileSystem, () => (last = last.crash()), known);
      }
    }
  });

  it('loses nothing acknowledged when it dies at any write of the index', async () => {
    const counting = new CrashingStore(createMemoryStore(), Number.POSITIVE_INFINITY, () => undefined);
    await work(await openLog(createMemoryFileSystem(), counting), new Map());
    expect(counting.writes).toBeGreaterThan(10);
    for (let at = 1; at <= counting.writes; at += 1) {
      for (let seed = 0; seed < 6; seed += 1) {
        const rng = seededRng(`index ${at} seed ${seed}`);
        const fileSystem = createMemoryFileSystem({ rng });
        const inner = createMemoryStore({ rng });
        const known = new Map<number, Known>();
        let crashed!: () => void;
        const crash = new Promise<void>((resolve) => (crashed = resolve));
        const process = mortal(fileSystem);
        const store = new CrashingStore(inner, at, crashed);
        await Promise.race([openLog(process.fileSystem, store).then((log) => work(log, known)), crash]);
        process.kill();
        let last = inner.crash();
        fileSystem.crash();
        await checkAfterCrash(fileSystem, () => (last = last.crash()), known);
      }
    }
  });

  it('survives kill -9, which spares what was written and not synced', async () => {
    const changes = await changesOfWork();
    for (let cut = 0; cut <= changes; cut += 1) {
      const fileSystem = createMemoryFileSystem();
      const store = createMemoryStore();
      const known = new Map<number, Known>();
      const process = mortal(fileSystem);
      const log = await openLog(process.fileSystem, store);
      fileSystem.powerOffAfter(Math.max(0, cut - fileSystem.changes));
      await work(log, known).catch(() => undefined);
      process.kill();
      fileSystem.powerOffAfter(undefined);
      let last = store;
      await checkAfterCrash(fileSystem, () => (last = last.crash()), known);
    }
  });

  it('goes on with a rebuild that was interrupted anywhere', async () => {
    const fileSystem = createMemoryFileSystem();
    const log = await openLog(fileSystem, createMemoryStore());
    const known = new Map<number, Known>();
    await work(log, known);
    await log.close();
    for (let at = 1; at < 40; at += 1) {
      const inner = createMemoryStore();
      let crashed!: () => void;
      const crash = new Promise<void>((resolve) => (crashed = resolve));
      const store = new CrashingStore(inner, at, crashed);
      const outcome = await Promise.race([openLog(fileSystem, store).then(() => FINISHED), crash]);
      if (outcome === FINISHED) return;
      const recovered = await openLog(fileSystem, inner.crash());
      await check(recovered, known);
      await recovered.close();
    }
    expect.fail('the rebuild never finished');
  });
});
