/** A chain in memory for tests: a small committee, users with coins, and transactions written as programs. */
import { layouts, moveValues } from '@floe/contracts';
import { type Clock, type KeyValueStore, toHex } from '@floe/platform';
import { createMemoryStore, createVirtualTime, type VirtualTime } from '@floe/platform/memory';
import { createNobleBls, type ObjectId, type SuiAddress } from '@floe/protocol';
import { fromBase64 } from '@mysten/bcs';
import { Ed25519Keypair, Ed25519PublicKey } from '@mysten/sui/keypairs/ed25519';
import type { ExecutionError, LedgerObject, Owner, TransactionRecord } from '../../src/api.ts';
import { createGenesis, type CreatedGenesis, type GenesisConfig } from '../../src/genesis.ts';
import { Ledger, type LedgerModules, type LedgerOptions } from '../../src/ledger.ts';
import type { SignatureVerifier } from '../../src/signatures.ts';
import { createCheckpointSigner, createSignatureVerifier } from '../../src/node/index.ts';
import { type Argument, type CallArg, type Command, encodeTransactionData } from '../../src/transaction-data.ts';
import { coinOf, SUI_COIN_TYPE } from '../../src/type-constants.ts';

export const START_MS = 1_700_000_000_000;
export const WAL = 1_000_000_000n;
export const MIB = 1_048_576;

const noble = createNobleBls();

export function keypair(index: number): Ed25519Keypair {
  return Ed25519Keypair.fromSecretKey(new Uint8Array(32).fill(index));
}

export function addressOf(keys: Ed25519Keypair): SuiAddress {
  return keys.toSuiAddress() as SuiAddress;
}

export const blsSecret = (index: number): Uint8Array => {
  const secret = new Uint8Array(32);
  secret[31] = index + 1;
  return secret;
};

/** Keys of the committee's nodes by index of the configuration. */
const publicKeys = Array.from({ length: 8 }, (_, i) => noble.publicKey(blsSecret(i)));

export const ledgerSigner = createCheckpointSigner(new Uint8Array(32).fill(99));
export const verifier = createSignatureVerifier();

export function genesisConfig(changes: Partial<GenesisConfig> = {}): GenesisConfig {
  return {
    nShards: 10,
    epochDurationMs: 3_600_000,
    capacity: 1_000_000_000_000n,
    startTimestampMs: START_MS,
    seed: Uint8Array.of(1),
    nodes: Array.from({ length: 4 }, (_, i) => ({
      name: `node-${i}`,
      networkAddress: `127.0.0.1:${9000 + i}`,
      blsPublicKey: publicKeys[i] as Uint8Array,
      networkPublicKey: new Uint8Array(33).fill(2),
      address: addressOf(keypair(50 + i)),
    })),
    faucet: { address: addressOf(keypair(1)) },
    allocations: [2, 3, 4].map((i) => ({
      address: addressOf(keypair(i)),
      sui: 1_000n * WAL,
      wal: 1_000n * WAL,
    })),
    ledgerPublicKey: ledgerSigner.publicKey,
    ...changes,
  };
}

/** Says yes to every signature: contracts are tested without pairings, which certificates.test.ts checks for real. */
export const trustingBls: LedgerModules['bls'] = {
  verify: () => true,
  verifyAggregate: () => true,
  compressPublicKey: (key) => key.slice(0, 48),
  expandPublicKey: (key) => Uint8Array.of(...key, ...new Uint8Array(48)),
  aggregatePublicKeys: () => new Uint8Array(48),
};

/** Believes every Ed25519 signature at once: for tests that need to know when a transaction is on its way. */
export const trustingVerifier: SignatureVerifier = {
  signer: (_bytes, signature) =>
    Promise.resolve(new Ed25519PublicKey(signature.slice(65)).toSuiAddress() as SuiAddress),
};

const geneses = new Map<string, CreatedGenesis>();

/** Genesis of a configuration; made once per test process. */
export function genesisOf(changes: Partial<GenesisConfig> = {}): CreatedGenesis {
  const key = JSON.stringify(changes, (_k, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
  let genesis = geneses.get(key);
  if (genesis === undefined) {
    genesis = createGenesis(genesisConfig(changes), { bls: noble });
    geneses.set(key, genesis);
  }
  return genesis;
}

export interface World {
  readonly ledger: Ledger;
  readonly genesis: CreatedGenesis;
  readonly store: KeyValueStore;
  readonly time: VirtualTime;
  readonly walType: string;
}

export async function openWorld(
  options: {
    config?: Partial<GenesisConfig>;
    store?: KeyValueStore;
    bls?: LedgerModules['bls'];
    ledger?: Omit<LedgerOptions, 'genesis'>;
    clock?: Clock;
    signatures?: SignatureVerifier;
  } = {},
): Promise<World> {
  const genesis = genesisOf(options.config);
  const store = options.store ?? createMemoryStore();
  const time = createVirtualTime({ startMs: START_MS });
  const ledger = await Ledger.open(
    { genesis, ...options.ledger },
    {
      store,
      clock: options.clock ?? time,
      bls: options.bls ?? trustingBls,
      signatures: options.signatures ?? verifier,
      signer: ledgerSigner,
    },
  );
  return { ledger, genesis, store, time, walType: `${genesis.walPackageId}::wal::WAL` };
}

/** A transaction in the making; arguments are what its methods return. */
export class Program {
  readonly world: World;
  readonly inputs: CallArg[] = [];
  readonly commands: Command[] = [];
  readonly gas: Argument = { kind: 'gas' };

  constructor(world: World) {
    this.world = world;
  }

  #input(input: CallArg): Argument {
    this.inputs.push(input);
    return { kind: 'input', index: this.inputs.length - 1 };
  }

  pure(bytes: Uint8Array): Argument {
    return this.#input({ kind: 'pure', bytes });
  }

  u8(value: number): Argument {
    return this.pure(Uint8Array.of(value));
  }

  bool(value: boolean): Argument {
    return this.u8(value ? 1 : 0);
  }

  u16(value: number): Argument {
    return this.pure(moveValues.u16.serialize(value).toBytes());
  }

  u32(value: number): Argument {
    return this.pure(moveValues.u32.serialize(value).toBytes());
  }

  u64(value: bigint): Argument {
    return this.pure(moveValues.u64.serialize(value).toBytes());
  }

  u256(value: bigint): Argument {
    return this.pure(moveValues.u256.serialize(value).toBytes());
  }

  bytes(value: Uint8Array): Argument {
    return this.pure(moveValues.bytes.serialize(value).toBytes());
  }

  text(value: string): Argument {
    return this.pure(moveValues.string.serialize(value).toBytes());
  }

  address(value: string): Argument {
    return this.pure(moveValues.id.serialize(value).toBytes());
  }

  /** The object's newest version, as owned input. */
  owned(id: ObjectId): Argument {
    const { version, digest } = this.world.ledger.getObject(id) as LedgerObject;
    return this.#input({ kind: 'owned', ref: { id, version, digest } });
  }

  shared(id: ObjectId, mutable: boolean): Argument {
    const owner = this.world.ledger.getObject(id)?.owner as Extract<Owner, { kind: 'shared' }>;
    return this.#input({ kind: 'shared', id, initialVersion: owner.initialVersion, mutable });
  }

  system(mutable = true): Argument {
    return this.shared(this.world.genesis.systemObjectId, mutable);
  }

  #command(command: Command): Argument {
    this.commands.push(command);
    return { kind: 'result', command: this.commands.length - 1 };
  }

  /** `walrus::module::function`, or another package by name, or `0x2::…`. */
  call(target: string, args: readonly Argument[] = [], typeArguments: readonly string[] = []): Argument {
    const [packageName, module, name] = target.split('::') as [string, string, string];
    const { addresses } = this.world.ledger.chain;
    const packageId = { '0x1': addresses.std, '0x2': addresses.sui }[packageName] ?? addresses[packageName as 'walrus'];
    return this.#command({
      kind: 'move-call',
      package: (packageId ?? packageName) as ObjectId,
      module,
      function: name,
      typeArguments,
      arguments: args,
    });
  }

  split(coin: Argument, ...amounts: bigint[]): Argument[] {
    const result = this.#command({ kind: 'split-coins', coin, amounts: amounts.map((amount) => this.u64(amount)) });
    return amounts.map((_, index) => ({ kind: 'nested', command: (result as { command: number }).command, index }));
  }

  merge(destination: Argument, ...sources: Argument[]): void {
    this.#command({ kind: 'merge-coins', destination, sources });
  }

  vector(type: string | undefined, ...elements: Argument[]): Argument {
    return this.#command({ kind: 'make-move-vec', type, elements });
  }

  transfer(address: string, ...objects: Argument[]): void {
    this.#command({ kind: 'transfer-objects', objects, address: this.address(address) });
  }

  upgrade(ticket: Argument, upgrade: Omit<Extract<Command, { kind: 'upgrade' }>, 'kind' | 'ticket'>): Argument {
    return this.#command({ kind: 'upgrade', ...upgrade, ticket });
  }

  nested(result: Argument, index: number): Argument {
    return { kind: 'nested', command: (result as { command: number }).command, index };
  }
}

export interface SendOptions {
  readonly budget?: bigint;
  readonly price?: bigint;
  /** Who pays; default the sender. */
  readonly sponsor?: Ed25519Keypair;
  /** Default: the payer's largest coin. */
  readonly payment?: readonly ObjectId[];
}

/** Bytes of a program as a transaction of `sender`. */
export function transactionOf(
  world: World,
  sender: Ed25519Keypair,
  build: (program: Program) => void,
  options: SendOptions = {},
): Uint8Array {
  const program = new Program(world);
  build(program);
  const owner = addressOf(options.sponsor ?? sender);
  const used = new Set(program.inputs.flatMap((input) => (input.kind === 'owned' ? [input.ref.id] : [])));
  const coins =
    options.payment?.map((id) => world.ledger.getObject(id) as LedgerObject) ?? world.ledger.gasCoins(owner, used, 1);
  return encodeTransactionData({
    sender: addressOf(sender),
    inputs: program.inputs,
    commands: program.commands,
    gas: {
      payment: coins.map(({ id, version, digest }) => ({ id, version, digest })),
      owner,
      price: options.price ?? 1000n,
      budget: options.budget ?? 500_000_000n,
    },
    expiration: { kind: 'none' },
  });
}

export async function sign(bytes: Uint8Array, ...signers: Ed25519Keypair[]): Promise<Uint8Array[]> {
  const unique = new Map(signers.map((keys) => [addressOf(keys), keys]));
  return Promise.all(
    [...unique.values()].map(async (keys) => fromBase64((await keys.signTransaction(bytes)).signature)),
  );
}

/** Executes a program; resolves to its record whether it succeeded or not. */
export async function send(
  world: World,
  sender: Ed25519Keypair,
  build: (program: Program) => void,
  options: SendOptions = {},
): Promise<TransactionRecord> {
  const bytes = transactionOf(world, sender, build, options);
  return world.ledger.execute(bytes, await sign(bytes, sender, options.sponsor ?? sender));
}

/** Executes a program that must succeed. */
export async function succeed(
  world: World,
  sender: Ed25519Keypair,
  build: (program: Program) => void,
  options: SendOptions = {},
): Promise<TransactionRecord> {
  const record = await send(world, sender, build, options);
  if (!record.effects.status.success) throw new Error(`transaction failed: ${failureText(record)}`);
  return record;
}

/** `module::code` of an abort, else the kind of failure; `success` when there is none. */
export function failureText(record: Pick<TransactionRecord, 'effects'>): string {
  const { status } = record.effects;
  if (status.success) return 'success';
  const error: ExecutionError = status.error;
  if (error.kind === 'MoveAbort') return `${error.location.module}::${error.code}`;
  if (error.kind === 'CommandArgumentError') return `${error.argumentError}@${error.argumentIndex}`;
  return error.kind;
}

/** The user's only (or largest) coin of a type. */
export function coinIdOf(world: World, owner: SuiAddress, coinType: string): ObjectId {
  const page = world.ledger.listOwned({ owner, type: coinOf(coinType), limit: 100 });
  const [largest] = [...page.items].sort((a, b) => Number(balanceOf(b) - balanceOf(a)));
  if (largest === undefined) throw new Error(`${owner} has no ${coinType}`);
  return largest.id;
}

export function balanceOf(object: LedgerObject): bigint {
  return layouts.Coin.parse(object.contents).balance;
}

/** The objects that a transaction created, of a type that ends so. */
export function created(world: World, record: TransactionRecord, typeEnd: string): LedgerObject[] {
  return record.effects.changedObjects.flatMap((change, i) =>
    change.input === undefined && change.output !== undefined && record.objectTypes[i]?.endsWith(typeEnd) === true
      ? [world.ledger.getObject(change.id) as LedgerObject]
      : [],
  );
}

export function systemState(world: World): layouts.SystemStateInnerV1 {
  const { items } = world.ledger.listDynamicFields({ parent: world.genesis.systemObjectId, limit: 10 });
  const field = items.find(({ valueType }) => valueType.endsWith('SystemStateInnerV1'));
  return layouts.SystemStateInnerV1.parse((field as NonNullable<typeof field>).valueBytes);
}

export { SUI_COIN_TYPE, toHex };
