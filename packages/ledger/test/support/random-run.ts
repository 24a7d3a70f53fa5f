/**
 * Random transactions that use everything the contracts have: what a run leaves behind holds objects of every kind, and
 * what it sent is a corpus of real transactions. A step may fail; what fails is real, too.
 */
import { blobIdFromU256, encodeConfirmation, type ObjectId } from '@floe/protocol';
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { layouts } from '@floe/contracts';
import type { LedgerObject, TransactionRecord } from '../../src/api.ts';
import { deriveBlobId } from '../../src/natives/encoding.ts';
import { type Argument, decodeTransactionData } from '../../src/transaction-data.ts';
import { seededRandom } from '../rpc/support/random.ts';
import { blobOf, register } from './blobs.ts';
import { allocations, clockArg, EPOCH_MS, operators, stakingArg, stakingState } from './epochs.ts';
import { everyObject } from './wal.ts';
import {
  addressOf,
  coinIdOf,
  keypair,
  openWorld,
  type Program,
  send,
  sign,
  systemState,
  WAL,
  type World,
} from './world.ts';

export const users = [keypair(2), keypair(3), keypair(4)];
const PREFIX = `0x${'2'.padStart(64, '0')}`;

/** What a step works with. */
interface Turn {
  readonly world: World;
  readonly sender: Ed25519Keypair;
  readonly pick: (limit: number) => number;
  /** A number that no other step has. */
  readonly root: bigint;
  /** A node, and the account that speaks for it; the sender of a node's steps. */
  readonly node: { readonly nodeId: ObjectId; readonly capId: ObjectId };
  /** Some object of that type (by its end) that the sender owns, or that is shared; without one the step does nothing. */
  owned(typeEnd: string, suits?: (object: LedgerObject) => boolean): LedgerObject;
  shared(typeEnd: string, suits?: (object: LedgerObject) => boolean): LedgerObject;
}

class Missing extends Error {}

const inputs = new WeakMap<Program, Map<string, Argument>>();

/** An object is an input once, however many commands use it. */
function once(p: Program, name: string, make: () => Argument): Argument {
  const made = inputs.get(p) ?? new Map<string, Argument>();
  inputs.set(p, made);
  const argument = made.get(name) ?? make();
  made.set(name, argument);
  return argument;
}

const me = ({ sender }: Turn) => addressOf(sender);
const wal = (p: Program, turn: Turn) =>
  once(p, 'wal', () => p.owned(coinIdOf(turn.world, me(turn), turn.world.walType)));
const system = (p: Program) => once(p, 'system', () => p.system());
const staking = (p: Program) => once(p, 'staking', () => stakingArg(p));
const paid = (p: Program, turn: Turn, amount: bigint) => p.split(wal(p, turn), amount)[0]!;
const blobTerms = (p: Program, { root }: Turn) => [
  p.u256(deriveBlobId(root, 1, 1n)),
  p.u256(root),
  p.u64(1n),
  p.u8(1),
  p.bool(true),
];

/** The certificate of a blob; its signature is not a real one, for chains that take any. */
function certificateArgs(p: Program, world: World, blobId: layouts.Blob['blobId'], objectId: ObjectId | undefined) {
  const { committee } = systemState(world);
  const persistence =
    objectId === undefined ? ({ kind: 'permanent' } as const) : ({ kind: 'deletable', objectId } as const);
  const message = encodeConfirmation({ epoch: committee.epoch, blobId, persistence });
  const bitmap = new Uint8Array(Math.ceil(committee.members.length / 8));
  for (let i = 0; i < committee.members.length; i += 1) bitmap[i >> 3]! |= 1 << (i & 7);
  return [p.bytes(new Uint8Array(96).fill(7)), p.bytes(bitmap), p.bytes(message)];
}

const blobIn = ({ contents }: LedgerObject) => layouts.Blob.parse(contents);

/** Whether a blob has not expired, and is certified or not. */
function isStored({ world }: Turn, blob: layouts.Blob, isCertified: boolean): boolean {
  const { epoch } = systemState(world).committee;
  return blob.storage.endEpoch > epoch && (blob.certifiedEpoch !== null) === isCertified;
}

type Step = (p: Program, turn: Turn) => void;

const blobSteps: Readonly<Record<string, Step>> = {
  register(p, turn) {
    const { pick, root, world } = turn;
    const deletable = pick(2) === 0;
    const made = register(p, world, turn.sender, { root, epochs: 4 + pick(9), deletable, space: 7000n });
    if (pick(2) === 0) p.call('walrus::blob::insert_or_update_metadata_pair', [made.blob, p.text('k'), p.text('v')]);
    if (!deletable) {
      const blobId = blobIdFromU256(deriveBlobId(root, 1, 1n));
      p.call('walrus::system::certify_blob', [made.system, made.blob, ...certificateArgs(p, world, blobId, undefined)]);
    }
    p.transfer(me(turn), made.blob);
  },
  certify(p, turn) {
    const blob = blobOf(turn.world, turn.owned('::blob::Blob', (object) => isStored(turn, blobIn(object), false)).id);
    const objectId = blob.deletable ? blob.id : undefined;
    p.call('walrus::system::certify_blob', [
      p.system(false),
      p.owned(blob.id),
      ...certificateArgs(p, turn.world, blob.blobId, objectId),
    ]);
  },
  extend(p, turn) {
    const blob = turn.owned('::blob::Blob', (object) => isStored(turn, blobIn(object), true));
    p.call('walrus::system::extend_blob', [system(p), p.owned(blob.id), p.u32(1 + turn.pick(3)), wal(p, turn)]);
  },
  remove(p, turn) {
    const args = [p.system(false), p.owned(turn.owned('::blob::Blob').id)];
    p.transfer(me(turn), p.call('walrus::system::delete_blob', args));
  },
  burn: (p, turn) => void p.call('walrus::blob::burn', [p.owned(turn.owned('::blob::Blob').id)]),
  attribute(p, turn) {
    const args = [p.owned(turn.owned('::blob::Blob').id), p.text(`key ${turn.pick(3)}`), p.text('größe')];
    p.call('walrus::blob::insert_or_update_metadata_pair', args);
  },
  share: (p, turn) =>
    void p.call('walrus::shared_blob::new_funded', [p.owned(turn.owned('::blob::Blob').id), paid(p, turn, 5n * WAL)]),
  extendShared(p, turn) {
    const shared = turn.shared('::shared_blob::SharedBlob', ({ contents }) =>
      isStored(turn, layouts.SharedBlob.parse(contents).blob, true),
    );
    const blob = p.shared(shared.id, true);
    p.call('walrus::shared_blob::extend', [blob, system(p), p.u32(1)]);
  },
  splitStorage(p, turn) {
    const storage = p.owned(turn.owned('::storage_resource::Storage').id);
    const part = p.call('walrus::storage_resource::split_by_size', [storage, p.u64(BigInt(turn.pick(7000)))]);
    p.transfer(me(turn), part);
  },
  reserve(p, turn) {
    const args = [system(p), p.u64(BigInt(1 + turn.pick(20_000))), p.u32(1 + turn.pick(4)), wal(p, turn)];
    p.transfer(me(turn), p.call('walrus::system::reserve_space', args));
  },
  eventBlob(p, turn) {
    const { node } = turn;
    const { epoch } = systemState(turn.world).committee;
    p.call('walrus::system::certify_event_blob', [
      system(p),
      p.owned(node.capId),
      p.u256(deriveBlobId(1n, 1, 1n)),
      p.u256(1n),
      p.u64(1n),
      p.u8(1),
      p.u64(BigInt(100 * epoch + turn.pick(2))),
      p.u32(epoch),
    ]);
  },
};

const poolSteps: Readonly<Record<string, Step>> = {
  pool(p, turn) {
    const args = [system(p), p.u64(30_000n), p.u32(1 + turn.pick(4)), wal(p, turn)];
    p.transfer(me(turn), p.call('walrus::system::create_storage_pool', args));
  },
  poolBlob(p, turn) {
    const pool = p.owned(turn.owned('::storage_pool::StoragePool').id);
    const terms = blobTerms(p, turn);
    p.call('walrus::system::register_pooled_blob', [system(p), pool, ...terms, wal(p, turn)]);
    if (turn.pick(2) > 0) return;
    p.call('walrus::storage_pool::insert_or_update_blob_metadata_pair', [pool, terms[0]!, p.text('a'), p.text('b')]);
  },
  poolExtend(p, turn) {
    const pool = p.owned(turn.owned('::storage_pool::StoragePool').id);
    p.call('walrus::system::extend_storage_pool', [system(p), pool, p.u32(1), wal(p, turn)]);
    p.call('walrus::system::increase_storage_pool_capacity', [system(p), pool, p.u64(5000n), wal(p, turn)]);
  },
  bucket(p, turn) {
    const cap = p.call('blob_bucket::blob_bucket::new', [system(p), p.u64(20_000n), p.u32(2), wal(p, turn)]);
    p.transfer(me(turn), cap);
  },
  bucketBlob(p, turn) {
    const cap = layouts.BlobBucketCap.parse(turn.owned('::blob_bucket::BlobBucketCap').contents);
    const bucket = p.shared(cap.bucketId, true);
    const args = [bucket, p.owned(cap.id), system(p), ...blobTerms(p, turn), wal(p, turn)];
    p.call('blob_bucket::blob_bucket::register_blob', args);
  },
};

const stakeSteps: Readonly<Record<string, Step>> = {
  stake(p, turn) {
    const coin = paid(p, turn, WAL * BigInt(1 + turn.pick(50)));
    const args = [staking(p), coin, p.address(turn.node.nodeId)];
    p.transfer(me(turn), p.call('walrus::staking::stake_with_pool', args));
  },
  request(p, turn) {
    const stake = p.owned(turn.owned('::staked_wal::StakedWal').id);
    p.call('walrus::staking::request_withdraw_stake', [staking(p), stake]);
  },
  withdraw(p, turn) {
    const stake = p.owned(turn.owned('::staked_wal::StakedWal').id);
    p.transfer(me(turn), p.call('walrus::staking::withdraw_stake', [staking(p), stake]));
  },
  vote(p, turn) {
    const { node } = turn;
    const cap = p.owned(node.capId);
    p.call('walrus::staking::set_storage_price_vote', [staking(p), cap, p.u64(BigInt(turn.pick(200_000)))]);
    p.call('walrus::staking::set_next_commission', [staking(p), cap, p.u16(turn.pick(10_000))]);
  },
  candidate(p, turn) {
    const metadata = p.call('walrus::node_metadata::new', [p.text('i'), p.text('p'), p.text('d')]);
    const key = new Uint8Array(48).fill(1 + turn.pick(200));
    const cap = p.call('walrus::staking::register_candidate', [
      staking(p),
      p.text('candidate'),
      p.text('127.0.0.1:9200'),
      metadata,
      p.bytes(key),
      p.bytes(new Uint8Array(33).fill(2)),
      p.bytes(new Uint8Array(96)),
      p.u16(100),
      p.u64(1n),
      p.u64(1n),
      p.u64(1n),
    ]);
    p.transfer(me(turn), cap);
  },
  key(p, turn) {
    const { node } = turn;
    const key = p.bytes(new Uint8Array(48).fill(1 + turn.pick(200)));
    p.call('walrus::staking::set_next_public_key', [staking(p), p.owned(node.capId), key, p.bytes(new Uint8Array(96))]);
  },
  slash(p, turn) {
    const { nodes } = turn.world.genesis;
    const [voter, candidate] = [turn.node, nodes[turn.pick(nodes.length)]!];
    const manager = p.shared(turn.world.genesis.slashingManagerObjectId, true);
    const ids = [p.address(voter.nodeId), p.address(candidate.nodeId)];
    const who = p.call('walrus::auth::authenticate_sender');
    p.call('walrus::slashing::vote_for_slashing', [manager, stakingArg(p, false), who, ...ids]);
  },
  upgrade(p, turn) {
    const { node } = turn;
    const manager = p.shared(turn.world.genesis.upgradeManagerObjectId, true);
    const who = p.call('walrus::auth::authenticate_sender');
    const digest = p.bytes(new Uint8Array(32).fill(turn.pick(2)));
    p.call('walrus::upgrade::vote_for_upgrade', [manager, stakingArg(p, false), who, p.address(node.nodeId), digest]);
  },
};

const marketSteps: Readonly<Record<string, Step>> = {
  exchange(p, turn) {
    const cap = p.call('wal_exchange::wal_exchange::new_funded', [wal(p, turn), p.u64(10n * WAL)]);
    p.transfer(me(turn), cap);
  },
  swap(p, turn) {
    const exchange = p.shared(turn.shared('::wal_exchange::Exchange').id, true);
    const args = [exchange, p.split(p.gas, 1000n)[0]!];
    p.transfer(me(turn), p.call('wal_exchange::wal_exchange::exchange_all_for_wal', args));
  },
  credits(p, turn) {
    const terms = [p.address(turn.world.genesis.walrusPackageId), p.u16(1000), p.u16(500), paid(p, turn, WAL)];
    p.transfer(me(turn), p.call('subsidies::subsidies::new_with_initial_rates_and_funds', terms));
  },
  subsidies(p, turn) {
    const args = [p.system(false), stakingArg(p, false), p.u32(5000), p.u64(1000n), p.u64(10n)];
    p.transfer(me(turn), p.call('walrus_subsidies::walrus_subsidies::new', args));
  },
  subsidise(p, turn) {
    const id = turn.shared('::walrus_subsidies::WalrusSubsidies').id;
    const self = p.shared(id, true);
    p.call('walrus_subsidies::walrus_subsidies::add_coin', [self, paid(p, turn, WAL)]);
    const args = [self, staking(p), system(p), clockArg(p)];
    p.call('walrus_subsidies::walrus_subsidies::process_subsidies', args);
  },
  freeze(p, turn) {
    const type = `${PREFIX}::coin::Coin<${turn.world.walType}>`;
    p.call('0x2::transfer::public_freeze_object', [paid(p, turn, 1n)], [type]);
  },
};

const epochSteps: Readonly<Record<string, Step>> = {
  votingEnd: (p) => void p.call('walrus::staking::voting_end', [staking(p), clockArg(p)]),
  changeEpoch(p, { world }) {
    const treasury = p.shared(world.genesis.treasuryObjectId, true);
    p.call('walrus::staking::initiate_epoch_change_v2', [staking(p), system(p), treasury, clockArg(p)]);
  },
  sync(p, turn) {
    const { node } = turn;
    const epoch = p.u32(stakingState(turn.world).epoch);
    p.call('walrus::staking::epoch_sync_done', [staking(p), p.owned(node.capId), epoch, clockArg(p)]);
  },
};

const STEPS = Object.entries({ ...blobSteps, ...poolSteps, ...stakeSteps, ...marketSteps, ...epochSteps });
/** Sent by the account of a node. */
const NODE_STEPS: ReadonlySet<string> = new Set(['eventBlob', 'vote', 'key', 'slash', 'upgrade', 'sync']);

/** A chain that takes every signature of nodes, and random transactions on it. */
export class RandomRun {
  readonly world: World;
  /** Successes by step. */
  readonly succeeded = new Map<string, number>(STEPS.map(([name]) => [name, 0]));
  readonly #pick: (limit: number) => number;
  #root = 1n;

  private constructor(world: World, seed: number) {
    this.world = world;
    this.#pick = seededRandom(seed);
  }

  static async open(seed: number): Promise<RandomRun> {
    return new RandomRun(await openWorld({ config: { allocations } }), seed);
  }

  /** One random transaction; undefined when the step found nothing to work with. */
  async step(): Promise<TransactionRecord | undefined> {
    const pick = this.#pick;
    const { world } = this;
    const [name, build] = STEPS[pick(STEPS.length)]!;
    if (name in epochSteps) await world.time.advance(EPOCH_MS / 8);
    const at = pick(world.genesis.nodes.length);
    const sender = NODE_STEPS.has(name) ? operators[at]! : users[pick(users.length)]!;
    this.#root += 1n;
    const find = (typeEnd: string, isMine: (object: LedgerObject) => boolean) => {
      const found = everyObject(world).filter((object) => object.type.endsWith(typeEnd) && isMine(object));
      return found[pick(Math.max(1, found.length))] ?? nothing();
    };
    const turn: Turn = {
      world,
      sender,
      pick,
      root: this.#root,
      node: world.genesis.nodes[at]!,
      owned: (end, suits = any) => find(end, (object) => isOwnedBy(object, addressOf(sender)) && suits(object)),
      shared: (end, suits = any) => find(end, (object) => object.owner.kind === 'shared' && suits(object)),
    };
    try {
      const record = await send(world, sender, (p) => build(p, turn));
      if (record.effects.status.success) this.succeeded.set(name, (this.succeeded.get(name) ?? 0) + 1);
      return record;
    } catch (error) {
      if (error instanceof Missing) return undefined;
      throw error;
    }
  }

  /** The signature of the transaction's sender, if it is one of the accounts of this run. */
  async sign(bytes: Uint8Array): Promise<Uint8Array | undefined> {
    let sender: string;
    try {
      ({ sender } = decodeTransactionData(bytes));
    } catch {
      return undefined;
    }
    const keys = [...users, ...operators].find((candidate) => addressOf(candidate) === sender);
    return keys === undefined ? undefined : (await sign(bytes, keys))[0];
  }

  close(): Promise<void> {
    return this.world.ledger.close();
  }
}

const any = () => true;

function isOwnedBy({ owner }: LedgerObject, address: string): boolean {
  return owner.kind === 'address' && owner.address === address;
}

function nothing(): never {
  throw new Missing();
}
