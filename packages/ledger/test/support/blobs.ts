/** Storing blobs on a test chain: reserve and register, certificates by the committee's real keys. */
import { layouts } from '@floe/contracts';
import { createNobleBls, encodeConfirmation, type ObjectId } from '@floe/protocol';
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { deriveBlobId } from '../../src/natives/encoding.ts';
import type { TransactionRecord } from '../../src/api.ts';
import { addressOf, blsSecret, coinIdOf, created, type Program, send, systemState, type World } from './world.ts';

const noble = createNobleBls();

export interface BlobRequest {
  readonly root: bigint;
  readonly size?: bigint;
  readonly epochs?: number;
  readonly deletable?: boolean;
  /** Bytes to reserve; default: what 10 shards need for one symbol. */
  readonly space?: bigint;
}

/** Adds commands that reserve and register; the blob is still to be transferred. */
export function register(program: Program, world: World, sender: Ed25519Keypair, request: BlobRequest) {
  const { root, size = 1n, epochs = 2, deletable = true, space = 6940n } = request;
  const system = program.system();
  const coin = program.owned(coinIdOf(world, addressOf(sender), world.walType));
  const storage = program.call('walrus::system::reserve_space', [
    system,
    program.u64(space),
    program.u32(epochs),
    coin,
  ]);
  const blob = program.call('walrus::system::register_blob', [
    system,
    storage,
    program.u256(deriveBlobId(root, 1, size)),
    program.u256(root),
    program.u64(size),
    program.u8(1),
    program.bool(deletable),
    coin,
  ]);
  return { system, coin, blob };
}

/** Registers a blob for its sender. */
export async function registerBlob(
  world: World,
  sender: Ed25519Keypair,
  request: BlobRequest,
): Promise<TransactionRecord> {
  return send(world, sender, (program) => {
    program.transfer(addressOf(sender), register(program, world, sender, request).blob);
  });
}

export function blobOf(world: World, id: ObjectId): layouts.Blob {
  const object = world.ledger.getObject(id);
  if (object === undefined) throw new Error(`no blob ${id}`);
  return layouts.Blob.parse(object.contents);
}

export function createdBlob(world: World, record: TransactionRecord): layouts.Blob {
  const [object] = created(world, record, '::blob::Blob');
  if (object === undefined) throw new Error('no blob was created');
  return layouts.Blob.parse(object.contents);
}

/** A certificate signed by the first `signers` members of the committee. */
export function certificateFor(world: World, blob: layouts.Blob, signers = 4) {
  const { committee } = systemState(world);
  const message = encodeConfirmation({
    epoch: committee.epoch,
    blobId: blob.blobId,
    persistence: blob.deletable ? { kind: 'deletable', objectId: blob.id as ObjectId } : { kind: 'permanent' },
  });
  const indexOf = new Map(world.genesis.nodes.map(({ nodeId }, i) => [nodeId as string, i]));
  const members = committee.members.slice(0, signers);
  const signatures = members.map(({ nodeId }) => noble.sign(blsSecret(indexOf.get(nodeId) as number), message));
  const bitmap = Uint8Array.of((1 << members.length) - 1);
  return { message, signature: noble.aggregateSignatures(signatures), bitmap };
}

export function certify(program: Program, blobId: ObjectId, certificate: ReturnType<typeof certificateFor>) {
  return program.call('walrus::system::certify_blob', [
    program.system(false),
    program.owned(blobId),
    program.bytes(certificate.signature),
    program.bytes(certificate.bitmap),
    program.bytes(certificate.message),
  ]);
}

export const nobleForTests = noble;
