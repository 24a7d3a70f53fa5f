/** `floe ledger verify`, `snapshot`, `restore`, `prove`: what anyone can check about a ledger. */
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { proveObject, provenCertification, type ProvenObject } from '@floe/contracts';
import { createSnapshot, restoreSnapshot, verifyLedger, type CheckpointRecord } from '@floe/ledger';
import { createSignatureVerifier, verifyCheckpointSignature } from '@floe/ledger/node';
import { fromHex, isFloeError, type KeyValueStore, toHex } from '@floe/platform';
import { openLmdbStore, systemScheduler } from '@floe/platform/node';
import { parseObjectId, type ObjectId } from '@floe/protocol';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { toBase58 } from '@mysten/sui/utils';
import { lockDirectory } from '../dev/lock.ts';
import { devPaths } from '../dev/state.ts';
import { cliErrors } from '../errors.ts';
import { fileSize, unwritable, writeParts } from '../files.ts';
import { findNetwork } from '../network.ts';
import type { Output } from '../output.ts';
import type { LedgerStoreOptions, ProveOptions, SnapshotOptions } from './ledger-options.ts';

/** Where LMDB keeps its data. */
const STORE_FILE = 'data.mdb';

/** Executes everything again in a store of its own, which is gone afterwards. */
export async function runLedgerVerify({ dir }: LedgerStoreOptions, output: Output, signal: AbortSignal): Promise<void> {
  await requireStore(dir);
  const progress = output.progress(dir);
  const head = await withStore(dir, async (source) => {
    const scratch = await mkdtemp(join(dir, 'verify-'));
    const target = await openLmdbStore({ directory: scratch });
    try {
      return await verifyLedger(source, {
        target,
        bls: await createMclBls(),
        signatures: createSignatureVerifier(),
        verifyCheckpoint: verifyCheckpointSignature,
        signal,
        onProgress: ({ sequence }) => progress.update(`checkpoint ${sequence}`),
      });
    } finally {
      await target.close();
      await rm(scratch, { recursive: true, force: true });
    }
  });
  progress.done();
  output.line(`verified up to checkpoint ${head.sequence}: ${head.totalTransactions} transactions`);
  report(head, output);
}

export async function runLedgerSnapshot(
  { dir, out }: SnapshotOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await requireStore(dir);
  const sizeBytes = await withStore(dir, (store) => writeParts(out, stoppable(createSnapshot(store), signal)));
  output.line(`${sizeBytes} bytes written to ${out}`);
  output.result({ path: out, sizeBytes });
}

export async function runLedgerRestore(
  file: string,
  { dir }: LedgerStoreOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await fileSize(file);
  const path = devPaths(dir).ledger;
  const firstMade = await mkdir(path, { recursive: true }).catch((error: unknown) =>
    Promise.reject(unwritable(dir, error)),
  );
  let head: CheckpointRecord;
  try {
    head = await withLock(dir, () =>
      removingNewStore(path, () =>
        withOpenStore(path, async (target) =>
          restoreSnapshot(createReadStream(file, { signal }), {
            target,
            bls: await createMclBls(),
            verifyCheckpoint: verifyCheckpointSignature,
            signal,
          }),
        ),
      ),
    );
  } catch (error) {
    if (firstMade !== undefined) await removeEmpty(path, firstMade);
    throw error;
  }
  output.line(`restored up to checkpoint ${head.sequence}: ${head.totalTransactions} transactions`);
  report(head, output);
}

export async function runLedgerProve(
  text: string,
  options: ProveOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const objectId = parseObjectId(text);
  const publicKey = options.key === undefined ? undefined : fromHex(options.key.replace(/^0x/, ''));
  if (options.key !== undefined && publicKey?.length !== 32) {
    throw cliErrors.USAGE({ detail: `--key takes 32 bytes in hex, not ${JSON.stringify(options.key)}` });
  }
  const { ledger } = (await findNetwork(options)).description;
  const proven = await proveObject(
    { url: ledger.url, objectId, publicKey, signal },
    { fetch, scheduler: systemScheduler },
  );
  if (proven === undefined) throw cliErrors.OBJECT_NOT_FOUND({ objectId });
  const { type, version, checkpoint } = proven;
  const certification = certificationOf(proven, ledger.packageId);
  output.line(`${objectId}  ${type}`);
  output.line(`version ${version}, in the state of checkpoint ${checkpoint.sequence} (${toBase58(checkpoint.digest)})`);
  output.line(`signed by ${toHex(checkpoint.publicKey)}${publicKey === undefined ? ' (not compared: no --key)' : ''}`);
  if (certification !== undefined) {
    const { blobId, certifiedEpoch, endEpoch } = certification;
    const end = endEpoch === undefined ? 'as long as its pool' : `until epoch ${endEpoch}`;
    output.line(`blob ${blobId} certified in epoch ${certifiedEpoch}, stored ${end}`);
  }
  output.result({
    objectId,
    type,
    version: String(version),
    checkpoint: {
      sequence: String(checkpoint.sequence),
      digest: toBase58(checkpoint.digest),
      timestampMs: checkpoint.timestampMs,
      publicKey: toHex(checkpoint.publicKey),
    },
    certification: certification ?? null,
  });
}

function certificationOf(proven: ProvenObject, packageId: ObjectId) {
  try {
    const { object: _object, ...certification } = provenCertification(proven, packageId);
    return certification;
  } catch (error) {
    if (isFloeError(error, 'STATE_PROOF_INVALID')) return undefined;
    throw error;
  }
}

/** @throws LEDGER_STORE_MISSING */
async function requireStore(dir: string): Promise<void> {
  const path = join(devPaths(dir).ledger, STORE_FILE);
  await fileSize(path).catch((error: unknown) =>
    Promise.reject(cliErrors.LEDGER_STORE_MISSING({ directory: dir }, error)),
  );
}

/** Runs `work` on the ledger's store of a network that is not running, and keeps it from starting meanwhile. */
function withStore<T>(dir: string, work: (store: KeyValueStore) => Promise<T>): Promise<T> {
  return withLock(dir, () => withOpenStore(devPaths(dir).ledger, work));
}

async function withLock<T>(dir: string, work: () => Promise<T>): Promise<T> {
  const unlock = await lockDirectory(dir);
  try {
    return await work();
  } finally {
    await unlock();
  }
}

async function withOpenStore<T>(path: string, work: (store: KeyValueStore) => Promise<T>): Promise<T> {
  const store = await openLmdbStore({ directory: path });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** When `work` fails, removes the store that it made, so that it can be tried again; one that was there before stays. */
async function removingNewStore<T>(path: string, work: () => Promise<T>): Promise<T> {
  const before = await readdir(path);
  try {
    return await work();
  } catch (error) {
    if (!before.includes(STORE_FILE)) {
      const made = (await readdir(path)).filter((name) => !before.includes(name));
      // What cannot be removed is refused by whoever opens it; why the work failed says more.
      await Promise.all(made.map((name) => rm(join(path, name), { force: true }).catch(() => undefined)));
    }
    throw error;
  }
}

/** Removes `path` and what it is in, up to and with `last`, as far as they are empty. */
async function removeEmpty(path: string, last: string): Promise<void> {
  const end = resolve(last);
  for (let at = resolve(path); at.length >= end.length; at = dirname(at)) {
    try {
      await rmdir(at);
    } catch {
      return;
    }
  }
}

async function* stoppable(parts: Iterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    signal.throwIfAborted();
    yield part;
  }
}

function report(head: CheckpointRecord, output: Output): void {
  output.result({
    checkpoint: String(head.sequence),
    digest: toBase58(head.digest),
    stateRoot: toHex(head.stateRoot),
    transactions: String(head.totalTransactions),
    timestampMs: head.timestampMs,
  });
}
