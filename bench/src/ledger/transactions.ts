/**
 * Transactions to measure with. Each has coins of its own, as the version of a coin after a transaction depends on the
 * shared objects it touches: only so can it be signed long before it is sent.
 */
import {
  type Argument,
  type CallArg,
  type Command,
  encodeTransactionData,
  type Ledger,
  type LedgerObject,
  type TransactionRecord,
} from '@floe/ledger';
import { assert } from '@floe/platform';
import {
  blobIdOf,
  blobIdToU256,
  encodedLength,
  geometryOf,
  objectIdBytes,
  type ObjectId,
  type SuiAddress,
} from '@floe/protocol';
import { type Account, faucet, SHARD_COUNT } from './chain.ts';

const SUI_COIN = '0x2::coin::Coin<0x2::sui::SUI>';
const SUI = 1_000_000_000n;
const BUDGET = 40n * SUI;
const REGISTER_BUDGET = SUI / 2n;
const EPOCHS = 2;
const BLOB_SIZE = 1;
/** Bytes reserved for one blob. */
const SPACE = encodedLength(geometryOf(SHARD_COUNT), BLOB_SIZE);
/** FROST that surely pay for one blob. */
const WAL_PER_BLOB = 100_000_000n;
/** Coins that one transaction splits off: below the limit of 512 arguments. */
const COINS_AT_ONCE = 500;
/** Blobs of one transaction: near the limits of 128 KiB and 1024 commands. */
export const BLOBS_AT_ONCE = 320;

export interface SignedBytes {
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
}

/** A coin for gas and one for storage. */
export interface Funds {
  readonly gas: LedgerObject;
  readonly wal: LedgerObject;
}

class Program {
  readonly inputs: CallArg[] = [];
  readonly commands: Command[] = [];

  input(input: CallArg): Argument {
    this.inputs.push(input);
    return { kind: 'input', index: this.inputs.length - 1 };
  }

  pure(bytes: Uint8Array): Argument {
    return this.input({ kind: 'pure', bytes });
  }

  integer(value: bigint, sizeBytes: number): Argument {
    const bytes = new Uint8Array(sizeBytes);
    for (let i = 0, rest = value; i < sizeBytes; i += 1, rest >>= 8n) bytes[i] = Number(rest & 255n);
    return this.pure(bytes);
  }

  owned({ id, version, digest }: LedgerObject): Argument {
    return this.input({ kind: 'owned', ref: { id, version, digest } });
  }

  command(command: Command): Argument {
    this.commands.push(command);
    return { kind: 'result', command: this.commands.length - 1 };
  }
}

function signed(sender: Account, program: Program, gas: LedgerObject, budget: bigint): SignedBytes {
  const bytes = encodeTransactionData({
    sender: sender.address,
    inputs: program.inputs,
    commands: program.commands,
    gas: { payment: [gas], owner: sender.address, price: 1000n, budget },
    expiration: { kind: 'none' },
  });
  return { bytes, signature: sender.sign(bytes) };
}

/** Executes and insists on success. */
export async function execute(ledger: Ledger, { bytes, signature }: SignedBytes): Promise<TransactionRecord> {
  const record = await ledger.execute(bytes, [signature]);
  assert(record.effects.status.success, 'a transaction of a benchmark succeeds', { status: record.effects.status });
  return record;
}

/** `count` pairs of coins for a client, from the faucet; each pays for `blobs` blobs. */
export async function fund(ledger: Ledger, client: Account, count: number, blobs = 1): Promise<Funds[]> {
  const funds: Funds[] = [];
  const budget = blobs === 1 ? SUI : BUDGET + SUI;
  while (funds.length < count) {
    const wanted = Math.min(COINS_AT_ONCE, count - funds.length);
    const gas = await split(ledger, client.address, { kind: 'gas' }, budget, wanted);
    const wal = await split(ledger, client.address, { kind: 'wal' }, WAL_PER_BLOB * BigInt(blobs), wanted);
    for (const [i, coin] of gas.entries()) funds.push({ gas: coin, wal: wal[i] as LedgerObject });
  }
  return funds;
}

async function split(
  ledger: Ledger,
  owner: SuiAddress,
  coin: { kind: 'gas' | 'wal' },
  amount: bigint,
  count: number,
): Promise<LedgerObject[]> {
  const program = new Program();
  const gas = largest(ledger, SUI_COIN);
  const walType = `0x2::coin::Coin<${ledger.chain.addresses.wal}::wal::WAL>`;
  const source: Argument = coin.kind === 'gas' ? { kind: 'gas' } : program.owned(largest(ledger, walType));
  const value = program.integer(amount, 8);
  program.command({ kind: 'split-coins', coin: source, amounts: Array.from({ length: count }, () => value) });
  const objects = Array.from({ length: count }, (_, index): Argument => ({ kind: 'nested', command: 0, index }));
  program.command({ kind: 'transfer-objects', objects, address: program.pure(objectIdBytes(owner)) });
  const record = await execute(ledger, signed(faucet, program, gas, BUDGET));
  return record.effects.changedObjects.flatMap(({ id, idOperation }) =>
    idOperation === 'created' ? [ledger.getObject(id) as LedgerObject] : [],
  );
}

function largest(ledger: Ledger, type: string): LedgerObject {
  const { items } = ledger.listOwned({ owner: faucet.address, type, limit: 1 });
  assert(items[0] !== undefined, 'the faucet has a coin', { type });
  return items[0];
}

/** Registers blobs for a client, with contents that no other seed has. */
export function registration(
  ledger: Ledger,
  client: Account,
  { gas, wal }: Funds,
  seeds: readonly number[],
): SignedBytes {
  const program = new Program();
  const { addresses, systemObjectId } = ledger.chain;
  const call = (name: string, args: readonly Argument[]): Argument =>
    program.command({
      kind: 'move-call',
      package: addresses.walrus,
      module: 'system',
      function: name,
      typeArguments: [],
      arguments: args,
    });
  const system = program.input({
    kind: 'shared',
    id: systemObjectId,
    initialVersion: sharedFrom(ledger, systemObjectId),
    mutable: true,
  });
  const coin = program.owned(wal);
  const [space, epochs, size, encoding, deletable] = [
    program.integer(BigInt(SPACE), 8),
    program.integer(BigInt(EPOCHS), 4),
    program.integer(BigInt(BLOB_SIZE), 8),
    program.integer(1n, 1),
    program.integer(1n, 1),
  ];
  const blobs = seeds.map((seed) => {
    const rootHash = new Uint8Array(32);
    new DataView(rootHash.buffer).setUint32(0, seed, true);
    const blobId = program.integer(blobIdToU256(blobIdOf({ rootHash, unencodedLength: BLOB_SIZE })), 32);
    const storage = call('reserve_space', [system, space, epochs, coin]);
    return call('register_blob', [system, storage, blobId, program.pure(rootHash), size, encoding, deletable, coin]);
  });
  program.command({ kind: 'transfer-objects', objects: blobs, address: program.pure(objectIdBytes(client.address)) });
  return signed(client, program, gas, seeds.length === 1 ? REGISTER_BUDGET : BUDGET);
}

function sharedFrom(ledger: Ledger, id: ObjectId): bigint {
  const owner = ledger.getObject(id)?.owner;
  assert(owner?.kind === 'shared', 'a shared object', { id });
  return owner.initialVersion;
}
