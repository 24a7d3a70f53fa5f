/**
 * What the official SDK offers, used for real: every public method of its client, and the errors that it raises. Runs in
 * Node.js and in browsers, against any network, and knows nothing of a test runner.
 *
 * Left out are the upload relay's methods (`addAuthPayload`, `calculateUploadRelayTip`, `sendUploadRelayTip`,
 * `writeBlobToUploadRelay`), as a network has no relay of its own.
 */
import { AXES, encodeSliverData } from '@floe/protocol';
import type { SuiGrpcClient } from '@mysten/sui/grpc';
import type { Signer } from '@mysten/sui/cryptography';
import { Transaction } from '@mysten/sui/transactions';
import {
  BlobNotCertifiedError,
  BlobNotRegisteredError,
  InconsistentBlobError,
  NoBlobMetadataReceivedError,
  NoBlobStatusReceivedError,
  NotEnoughBlobConfirmationsError,
  NotEnoughSliversReceivedError,
  NotFoundError,
  UserAbortError,
  type WalrusClient,
  WalrusClientError,
  WalrusFile,
  type WriteBlobStep,
} from '@mysten/walrus';
import { inconsistentBlob } from './inconsistent-blob.ts';

export type OfficialClient = SuiGrpcClient & { readonly walrus: WalrusClient };

export interface ScenarioContext {
  /** A new client; `fetch` replaces what its storage-node requests go through. */
  readonly sdk: (options?: { readonly fetch?: typeof fetch }) => OfficialClient;
  /** Has SUI and WAL, and is used by one scenario at a time. */
  readonly signer: Signer;
  readonly systemObjectId: string;
  readonly stakingObjectId: string;
  readonly walType: string;
  readonly nShards: number;
  readonly nodes: number;
}

export const scenarios: Readonly<Record<string, (context: ScenarioContext) => Promise<void>>> = {
  'reads the network’s state': readState,
  'prices, reserves and gives away storage': reserveStorage,
  'stores a blob step by step with the smallest methods': storeByHand,
  'stores and reads a blob with one call each': storeAtOnce,
  'takes a write that was interrupted up again': resumeFlow,
  'changes attributes': changeAttributes,
  'extends and deletes': extendAndDelete,
  'stores many files in one blob and finds them again': storeFiles,
  'raises its own errors': raiseErrors,
};

/** Public methods that no scenario can call, and why. */
export const EXCLUDED: Readonly<Record<string, string>> = {
  addAuthPayload: 'upload relay',
  calculateUploadRelayTip: 'upload relay',
  sendUploadRelayTip: 'upload relay',
  writeBlobToUploadRelay: 'upload relay',
};

let nextSeed = 1;

/** Bytes that no other call gives. */
function freshBytes(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = (Date.now() ^ (nextSeed++ * 2_654_435_761)) >>> 0 || 1;
  for (let i = 0; i < size; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

function ensure(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`expected ${what}`);
}

function same(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function present<T>(value: T | null | undefined, what: string): T {
  ensure(value !== undefined && value !== null, what);
  return value;
}

async function failure(work: Promise<unknown>, what: string): Promise<unknown> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  ensure(outcome !== undefined, `${what} to fail`);
  return outcome.error;
}

/** Executes and waits until it can be seen. */
async function execute({ sdk, signer }: ScenarioContext, transaction: Transaction): Promise<string> {
  const client = sdk();
  const result = await signer.signAndExecuteTransaction({ transaction, client });
  ensure(result.$kind === 'Transaction', `the transaction to succeed: ${JSON.stringify(result, bigintText)}`);
  await client.core.waitForTransaction({ digest: result.Transaction.digest });
  return result.Transaction.digest;
}

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

async function readState(context: ScenarioContext): Promise<void> {
  const { walrus } = context.sdk();
  ensure((await walrus.systemObject()).id === context.systemObjectId, 'the system object');
  ensure((await walrus.stakingObject()).id === context.stakingObjectId, 'the staking object');
  ensure(/^0x[0-9a-f]{64}::blob::Blob$/.test(await walrus.getBlobType()), 'the type of blobs');
  const system = await walrus.systemState();
  ensure(system.committee.n_shards === context.nShards, 'the number of shards');
  ensure(system.committee.members.length === context.nodes, 'every node in the committee');
  const staking = await walrus.stakingState();
  const shards = staking.committee[0].contents.flatMap(({ value }) => value);
  ensure(new Set(shards).size === context.nShards && shards.length === context.nShards, 'each shard at one node');
  walrus.reset();
  ensure((await walrus.systemState()).committee.epoch === system.committee.epoch, 'the same epoch after a reset');
}

async function reserveStorage(context: ScenarioContext): Promise<void> {
  const { sdk, signer } = context;
  const owner = signer.toSuiAddress();
  const order = { size: 10_000, epochs: 2 };
  const { walrus, core } = sdk();
  const cost = await walrus.storageCost(order.size, order.epochs);
  ensure(cost.totalCost === cost.storageCost + cost.writeCost, 'the total to be the sum');
  const balance = async (): Promise<bigint> => {
    const { balance: wal } = await sdk().core.getBalance({ owner, coinType: context.walType });
    return BigInt(wal.balance);
  };
  const before = await balance();
  const transaction = new Transaction();
  transaction.transferObjects([transaction.add(walrus.createStorage(order))], owner);
  await execute(context, transaction);
  ensure(before - (await balance()) === cost.storageCost, 'to pay for storage what was quoted');
  await execute(context, walrus.createStorageTransaction({ ...order, owner }));
  // The SDK looks for an object of another type than it made, after the transaction has succeeded.
  const error = await failure(
    sdk().walrus.executeCreateStorageTransaction({ ...order, signer }),
    'executeCreateStorageTransaction',
  );
  ensure(error instanceof WalrusClientError && error.message.startsWith('Storage object not found'), 'its known error');
  const type = (await walrus.getBlobType()).replace('::blob::Blob', '::storage_resource::Storage');
  const { objects } = await core.listOwnedObjects({ owner, type });
  ensure(objects.length >= 3, 'three storage resources');
}

async function storeByHand(context: ScenarioContext): Promise<void> {
  const { sdk, signer } = context;
  const { walrus } = sdk();
  const blob = freshBytes(5_000);
  const encoded = await walrus.encodeBlob(blob);
  const { blobId, rootHash, metadata, sliversByNode } = encoded;
  const computed = await walrus.computeBlobMetadata({ bytes: blob, nonce: new Uint8Array(32) });
  ensure(computed.blobId === blobId && same(computed.rootHash, rootHash), 'metadata alone to give the same id');
  ensure((await computed.blobDigest()).length === 32, 'a digest of the blob');

  // Registered as deletable, by a transaction of one's own; certified from single confirmations.
  const transaction = new Transaction();
  const registered = transaction.add(
    walrus.registerBlob({ size: blob.length, epochs: 2, blobId, rootHash, deletable: true }),
  );
  transaction.transferObjects([registered], signer.toSuiAddress());
  const digest = await execute(context, transaction);
  const blobObjectId = await createdBlob(context, digest);
  const confirmations = [];
  for (const [nodeIndex, slivers] of sliversByNode.entries()) {
    await walrus.writeMetadataToNode({ nodeIndex, blobId, metadata });
    const [first] = slivers.primary;
    if (nodeIndex === 0 && first !== undefined) {
      const { sliver, sliverPairIndex } = first;
      await walrus.writeSliver({ blobId, sliver, sliverPairIndex, sliverType: 'primary' });
    }
    await walrus.writeSliversToNode({ blobId, nodeIndex, slivers });
    const asked = { nodeIndex, blobId, deletable: true, objectId: blobObjectId } as const;
    confirmations.push(await walrus.getStorageConfirmationFromNode(asked));
  }
  const all = await walrus.getStorageConfirmations({ blobId, deletable: true, objectId: blobObjectId });
  ensure(all.filter((confirmation) => confirmation !== null).length === context.nodes, 'every node to confirm');
  const named = { blobId, blobObjectId, deletable: true };
  const certificate = await walrus.certificateFromConfirmations({ ...named, confirmations });
  const certifying = new Transaction();
  certifying.add(walrus.certifyBlob({ ...named, certificate }));
  await execute(context, certifying);
  ensure((await sdk().walrus.getBlobObject(blobObjectId)).certified_epoch !== null, 'the blob to be certified');
  ensure(same(await sdk().walrus.readBlob({ blobId }), blob), 'the bytes that were stored');

  await readInParts(context, blobId, blob.length);
  await registerOtherwise(context);
}

/** The SDK's parts of reading. */
async function readInParts({ sdk, nShards }: ScenarioContext, blobId: string, size: number): Promise<void> {
  const { walrus } = sdk();
  const { metadata } = await walrus.getBlobMetadata({ blobId });
  ensure(Number(metadata.V1.unencoded_length) === size, 'the length in the metadata');
  ensure(metadata.V1.hashes.length === nShards, 'a pair of hashes for every shard');
  ensure((await walrus.getSlivers({ blobId })).length > 0, 'slivers');
  const [one, again] = [
    await walrus.getSecondarySliver({ blobId, index: 3 }),
    await walrus.internalGetSecondarySliver({ blobId, index: 3 }),
  ];
  ensure(same(one, again), 'the same secondary sliver twice');
  const status = await walrus.getVerifiedBlobStatus({ blobId });
  ensure(status.type === 'deletable' && status.initialCertifiedEpoch !== null, 'a certified deletable blob');
}

/** The other ways to register, upload and certify. */
async function registerOtherwise(context: ScenarioContext): Promise<void> {
  const { sdk, signer } = context;
  const { walrus } = sdk();
  const blob = freshBytes(300);
  const { blobId, rootHash, metadata, sliversByNode } = await walrus.encodeBlob(blob);
  const order = { size: blob.length, epochs: 1, blobId, rootHash };
  await execute(context, walrus.registerBlobTransaction({ ...order, deletable: true, owner: signer.toSuiAddress() }));
  const { blob: object } = await walrus.executeRegisterBlobTransaction({ ...order, deletable: false, signer });
  const permanent = { blobId, deletable: false } as const;
  const [slivers] = sliversByNode;
  await walrus.writeEncodedBlobToNode({
    ...permanent,
    nodeIndex: 0,
    metadata,
    slivers: present(slivers, 'slivers for the first node'),
  });
  const confirmations = await walrus.writeEncodedBlobToNodes({ ...permanent, metadata, sliversByNode });
  const certified = { ...permanent, blobObjectId: object.id, confirmations };
  await execute(context, walrus.certifyBlobTransaction(certified));
  ensure(same(await sdk().walrus.readBlob({ blobId }), blob), 'the bytes that were stored');
  const error = await failure(
    sdk().walrus.executeCertifyBlobTransaction({ ...certified, signer }),
    'certifying what is certified',
  );
  ensure(String(error).includes('EAlreadyCertified'), `the contract’s own error, not ${String(error)}`);
}

async function createdBlob({ sdk }: ScenarioContext, digest: string): Promise<string> {
  const { core, walrus } = sdk();
  const type = await walrus.getBlobType();
  const { Transaction: done } = await core.getTransaction({ digest, include: { effects: true, objectTypes: true } });
  const changes = present(done?.effects?.changedObjects, 'effects');
  const found = changes.find(({ objectId }) => done?.objectTypes?.[objectId] === type);
  return present(found, 'a blob object among what was created').objectId;
}

async function storeAtOnce({ sdk, signer }: ScenarioContext): Promise<void> {
  const blob = freshBytes(20_000);
  const attributes = { 'content-type': 'text/plain' };
  const steps: string[] = [];
  const { blobId, blobObject } = await sdk().walrus.writeBlob({
    blob,
    signer,
    epochs: 2,
    deletable: false,
    attributes,
    onStep: ({ step }) => void steps.push(step),
  });
  ensure(steps.join() === 'encoded,registered,uploaded,certified', `four steps, not ${steps.join()}`);
  ensure(blobObject.certified_epoch !== null && blobObject.size === '20000', 'a certified blob object');
  ensure(same(await sdk().walrus.readBlob({ blobId }), blob), 'the bytes that were stored');
  const read = await sdk().walrus.getBlob({ blobId });
  ensure(same(await read.asFile().bytes(), blob) && (await read.exists()), 'the blob as a file');
  ensure((await read.storedUntil()) === blobObject.storage.end_epoch, 'the end of its storage');
}

async function resumeFlow({ sdk, signer }: ScenarioContext): Promise<void> {
  const blob = freshBytes(3_000);
  const order = { signer, epochs: 1, deletable: true };
  let saved: WriteBlobStep | undefined;
  for await (const step of sdk().walrus.writeBlobFlow({ blob }).run(order)) {
    saved = JSON.parse(JSON.stringify(step)) as WriteBlobStep;
    if (step.step === 'registered') break;
  }
  const flow = sdk().walrus.writeBlobFlow({ blob, resume: present(saved, 'a saved step') });
  for await (const step of flow.run(order)) saved = step;
  ensure(saved?.step === 'certified', 'the write to be finished');
  ensure(same(await sdk().walrus.readBlob({ blobId: saved.blobId }), blob), 'the bytes that were stored');
}

async function changeAttributes(context: ScenarioContext): Promise<void> {
  const { sdk, signer } = context;
  const blob = freshBytes(100);
  const attributes = { a: '1', b: '2' };
  const { blobObject } = await sdk().walrus.writeBlob({ blob, signer, epochs: 1, deletable: true, attributes });
  const blobObjectId = blobObject.id;
  const read = async (): Promise<string> => {
    const now = await sdk().walrus.readBlobAttributes({ blobObjectId });
    return JSON.stringify(Object.entries(now ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  };
  ensure((await read()) === '[["a","1"],["b","2"]]', 'the attributes written with the blob');
  const transaction = new Transaction();
  transaction.add(sdk().walrus.writeBlobAttributes({ blobObjectId, attributes: { a: '3' } }));
  await execute(context, transaction);
  await execute(context, await sdk().walrus.writeBlobAttributesTransaction({ blobObjectId, attributes: { b: null } }));
  const more = { signer, blobObjectId, attributes: { c: '4' } };
  await sdk().walrus.executeWriteBlobAttributesTransaction(more);
  ensure((await read()) === '[["a","3"],["c","4"]]', `changed attributes, not ${await read()}`);
}

async function extendAndDelete(context: ScenarioContext): Promise<void> {
  const { sdk, signer } = context;
  const blob = freshBytes(100);
  const { blobId, blobObject } = await sdk().walrus.writeBlob({ blob, signer, epochs: 1, deletable: true });
  const blobObjectId = blobObject.id;
  const endEpoch = blobObject.storage.end_epoch;
  const transaction = new Transaction();
  transaction.add(sdk().walrus.extendBlob({ blobObjectId, epochs: 1 }));
  await execute(context, transaction);
  await execute(context, await sdk().walrus.extendBlobTransaction({ blobObjectId, epochs: 1 }));
  await sdk().walrus.executeExtendBlobTransaction({ signer, blobObjectId, endEpoch: endEpoch + 4 });
  ensure((await sdk().walrus.getBlobObject(blobObjectId)).storage.end_epoch === endEpoch + 4, 'a later end');

  await sdk().walrus.executeDeleteBlobTransaction({ signer, blobObjectId });
  const gone = await failure(sdk().walrus.getBlobObject(blobObjectId), 'reading a deleted object');
  ensure(gone instanceof Error, 'an error');
  const owner = signer.toSuiAddress();
  for (const how of ['in a transaction of one’s own', 'in a whole one'] as const) {
    const { walrus } = sdk();
    const { rootHash } = await walrus.computeBlobMetadata({ bytes: blob });
    const order = { size: blob.length, epochs: 1, blobId, rootHash, deletable: true, signer };
    const { blob: again } = await walrus.executeRegisterBlobTransaction(order);
    const deleting = new Transaction();
    if (how === 'in a whole one') {
      await execute(context, walrus.deleteBlobTransaction({ owner, blobObjectId: again.id }));
    } else {
      const storage = deleting.add(walrus.deleteBlob({ blobObjectId: again.id }));
      deleting.transferObjects([storage], owner);
      await execute(context, deleting);
    }
  }
}

async function storeFiles({ sdk, signer }: ScenarioContext): Promise<void> {
  const files = () => [
    WalrusFile.from({ contents: new TextEncoder().encode('one'), identifier: 'one.txt', tags: { kind: 'small' } }),
    WalrusFile.from({ contents: new TextEncoder().encode('{"two":2}'), identifier: 'two.json' }),
  ];
  const order = { signer, epochs: 1, deletable: true };
  const written = await sdk().walrus.writeFiles({ files: files(), ...order });
  const [first, second] = await sdk().walrus.getFiles({ ids: written.map(({ id }) => id) });
  ensure((await first?.text()) === 'one' && (await first?.getIdentifier()) === 'one.txt', 'the first file');
  const parsed = (await second?.json()) as { two: number } | undefined;
  ensure(parsed?.two === 2, 'the second file');
  const { blobId } = present(written[0], 'a file');
  const quilt = await sdk().walrus.getBlob({ blobId });
  const [tagged] = await quilt.files({ tags: [{ kind: 'small' }] });
  ensure((await tagged?.getIdentifier()) === 'one.txt', 'the file with that tag');

  const blobs = [{ contents: freshBytes(500), identifier: 'x' }];
  const { quilt: bytes } = await sdk().walrus.encodeQuilt({ blobs });
  const stored = await sdk().walrus.writeQuilt({ blobs, ...order });
  ensure(same(await sdk().walrus.readBlob({ blobId: stored.blobId }), bytes), 'the quilt that was encoded');
  const [patch] = await sdk().walrus.getFiles({ ids: [present(stored.index.patches[0], 'a patch').patchId] });
  ensure(same(await patch?.bytes(), blobs[0]?.contents ?? bytes), 'the file in the quilt');

  let last = '';
  const flow = sdk().walrus.writeFilesFlow({ files: files() });
  for await (const { step } of flow.run(order)) last = step;
  ensure(last === 'certified' && (await flow.listFiles()).length === 2, 'two files through the flow');
}

async function raiseErrors(context: ScenarioContext): Promise<void> {
  const { sdk, signer } = context;
  const unknown = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
  const check = async (work: Promise<unknown>, expected: new (...args: never[]) => Error): Promise<void> => {
    const error = await failure(work, expected.name);
    ensure(error instanceof expected, `${expected.name}, not ${String(error)}`);
  };
  await check(sdk().walrus.readBlob({ blobId: unknown }), BlobNotCertifiedError);
  await check(sdk().walrus.getSecondarySliver({ blobId: unknown, index: 0 }), NotFoundError);

  const { blobId, rootHash, metadata, sliversByNode } = await sdk().walrus.encodeBlob(freshBytes(50));
  const sliver = present(sliversByNode[0]?.primary[0], 'a sliver');
  const upload = {
    blobId,
    sliver: sliver.sliver,
    sliverPairIndex: sliver.sliverPairIndex,
    sliverType: 'primary',
  } as const;
  await check(sdk().walrus.writeSliver(upload), BlobNotRegisteredError);
  await check(
    sdk().walrus.certificateFromConfirmations({
      blobId,
      deletable: false,
      blobObjectId: unknown,
      confirmations: Array.from({ length: context.nodes }, () => null),
    }),
    NotEnoughBlobConfirmationsError,
  );
  const order = { size: 50, epochs: 1, blobId, rootHash, deletable: false, signer };
  await sdk().walrus.executeRegisterBlobTransaction(order);
  await check(sdk().walrus.readBlob({ blobId }), BlobNotCertifiedError);
  const aborted = AbortSignal.abort(new Error('enough'));
  const nodeIndex = 0;
  await check(sdk().walrus.writeMetadataToNode({ nodeIndex, blobId, metadata, signal: aborted }), UserAbortError);

  const { blobId: stored } = await sdk().walrus.writeBlob({ blob: freshBytes(60), signer, epochs: 1, deletable: true });
  await check(withoutNodes(context, '/status').getVerifiedBlobStatus({ blobId: stored }), NoBlobStatusReceivedError);
  await check(withoutNodes(context, '/metadata').readBlob({ blobId: stored }), NoBlobMetadataReceivedError);
  await check(withoutNodes(context, '/primary').readBlob({ blobId: stored }), NotEnoughSliversReceivedError);

  await checkInconsistent(context);
}

/**
 * A client whose requests to storage nodes fail when their path ends so: one after another, as the SDK waits for ever when
 * those for metadata fail at the same instant.
 */
function withoutNodes({ sdk }: ScenarioContext, suffix: string): WalrusClient {
  const reach = globalThis.fetch;
  let failures = 0;
  return sdk({
    fetch: (input, init) => {
      const url = input instanceof Request ? input.url : String(input);
      if (!url.endsWith(suffix)) return reach(input, init);
      failures += 1;
      return new Promise((_resolve, reject) => {
        setTimeout(() => reject(new TypeError('fetch failed')), failures);
      });
    },
  }).walrus;
}

/** A blob whose slivers all hash to its metadata, and are no encoding of anything. */
async function checkInconsistent(context: ScenarioContext): Promise<void> {
  const { sdk, signer, nShards } = context;
  const { blobId, rootHash, size, metadata, slivers } = await inconsistentBlob(nShards, freshBytes(2_000));
  const { walrus } = sdk();
  const order = { size, epochs: 1, blobId, rootHash, deletable: false, signer };
  const { blob: object } = await walrus.executeRegisterBlobTransaction(order);
  for (let nodeIndex = 0; nodeIndex < context.nodes; nodeIndex += 1) {
    await walrus.writeMetadataToNode({ nodeIndex, blobId, metadata });
  }
  const uploads = Array.from({ length: nShards }, (_, sliverPairIndex) =>
    AXES.map((sliverType) => {
      const sliver = encodeSliverData(slivers(sliverType, sliverPairIndex));
      return () => walrus.writeSliver({ blobId, sliver, sliverPairIndex, sliverType });
    }),
  ).flat();
  for (let at = 0; at < uploads.length; at += 32) {
    await Promise.all(uploads.slice(at, at + 32).map((upload) => upload()));
  }
  const confirmations = await walrus.getStorageConfirmations({ blobId, deletable: false });
  const certified = { blobId, blobObjectId: object.id, deletable: false, confirmations };
  await walrus.executeCertifyBlobTransaction({ ...certified, signer });
  const error = await failure(sdk().walrus.readBlob({ blobId }), 'reading an inconsistent blob');
  ensure(error instanceof InconsistentBlobError, `InconsistentBlobError, not ${String(error)}`);
}
