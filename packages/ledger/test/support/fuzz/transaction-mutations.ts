/** Damage to a transaction that keeps most of its structure: what is sent still decodes, and fails deeper. */
import { functionSignatures, packageAt, type PackageAddresses } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import { type Argument, type CallArg, type Command, type TransactionData } from '../../../src/transaction-data.ts';
import { seededBytes } from '../../rpc/support/random.ts';
import { damage } from './bytes.ts';

type Random = (bound: number) => number;

const NUMBERS = [0n, 1n, 1000n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 63n, 2n ** 64n - 1n];

const oneOf = <T>(items: readonly T[], random: Random): T => items[random(items.length)] as T;
const someNumber = (random: Random) => oneOf(NUMBERS, random);
const someIndex = (random: Random) => (random(8) === 0 ? oneOf([255, 256, 65_535], random) : random(6));

function someArgument(random: Random): Argument {
  switch (random(4)) {
    case 0:
      return { kind: 'gas' };
    case 1:
      return { kind: 'input', index: someIndex(random) };
    case 2:
      return { kind: 'result', command: someIndex(random) };
    default:
      return { kind: 'nested', command: someIndex(random), index: someIndex(random) };
  }
}

/** The list with one item changed, dropped, doubled or moved. */
function changedList<T>(items: readonly T[], random: Random, change: (item: T) => T): T[] {
  const list = [...items];
  if (list.length === 0) return list;
  const at = random(list.length);
  switch (random(6)) {
    case 0:
      list.splice(at, 1);
      break;
    case 1:
      list.splice(at, 0, list[at] as T);
      break;
    case 2: {
      const other = random(list.length);
      [list[at], list[other]] = [list[other] as T, list[at] as T];
      break;
    }
    default:
      list[at] = change(list[at] as T);
  }
  return list;
}

const changedId = (id: ObjectId, random: Random): ObjectId => {
  const at = 2 + random(64);
  return `${id.slice(0, at)}${random(16).toString(16)}${id.slice(at + 1)}` as ObjectId;
};

function changedInput(input: CallArg, random: Random, donors: readonly CallArg[]): CallArg {
  if (random(4) === 0 && donors.length > 0) return oneOf(donors, random);
  switch (input.kind) {
    case 'pure':
      return { kind: 'pure', bytes: random(2) === 0 ? damage(input.bytes, random) : seededBytes(random, random(40)) };
    case 'shared':
      return random(2) === 0 ? { ...input, mutable: !input.mutable } : { ...input, initialVersion: someNumber(random) };
    default: {
      const { ref } = input;
      switch (random(4)) {
        case 0:
          return { ...input, ref: { ...ref, version: someNumber(random) } };
        case 1:
          return { ...input, ref: { ...ref, digest: seededBytes(random, 32) } };
        case 2:
          return { kind: input.kind === 'owned' ? 'receiving' : 'owned', ref };
        default:
          return { ...input, ref: { ...ref, id: changedId(ref.id, random) } };
      }
    }
  }
}

function changedTypes(types: readonly string[], random: Random): string[] {
  const others = ['u8', 'vector<u8>', 'vector<vector<address>>', 'bool', ...types];
  return changedList(types.length === 0 ? ['u64'] : types, random, (type) =>
    random(3) === 0 ? `vector<${type}>` : oneOf(others, random),
  );
}

function changedCommand(command: Command, random: Random, addresses: PackageAddresses): Command {
  const list = (items: readonly Argument[]) => changedList(items, random, () => someArgument(random));
  switch (command.kind) {
    case 'move-call': {
      const name = packageAt(command.package, addresses);
      switch (random(5)) {
        case 0: {
          const other = oneOf(functionSignatures, random);
          return { ...command, package: addresses[other.package], module: other.module, function: other.name };
        }
        case 1: {
          const others = functionSignatures.filter(
            (other) => other.package === name && other.module === command.module,
          );
          return { ...command, function: others.length === 0 ? 'none' : oneOf(others, random).name };
        }
        case 2:
          return { ...command, typeArguments: changedTypes(command.typeArguments, random) };
        default:
          return { ...command, arguments: list(command.arguments) };
      }
    }
    case 'transfer-objects':
      return random(2) === 0
        ? { ...command, objects: list(command.objects) }
        : { ...command, address: someArgument(random) };
    case 'split-coins':
      return random(2) === 0
        ? { ...command, amounts: list(command.amounts) }
        : { ...command, coin: someArgument(random) };
    case 'merge-coins':
      return random(2) === 0
        ? { ...command, sources: list(command.sources) }
        : { ...command, destination: someArgument(random) };
    case 'make-move-vec':
      return random(2) === 0
        ? { ...command, elements: list(command.elements) }
        : { ...command, type: command.type === undefined ? 'u64' : changedTypes([command.type], random)[0] };
    case 'upgrade':
      return random(2) === 0
        ? { ...command, ticket: someArgument(random) }
        : { ...command, modules: command.modules.map((module) => module.slice(random(3))) };
  }
}

function changedTerms(data: TransactionData, random: Random): TransactionData {
  const { gas } = data;
  switch (random(7)) {
    case 0:
      return { ...data, gas: { ...gas, price: someNumber(random) } };
    case 1:
      return { ...data, gas: { ...gas, budget: random(2) === 0 ? someNumber(random) : BigInt(random(5_000_000)) } };
    case 2:
      return { ...data, gas: { ...gas, owner: changedId(gas.owner, random) } };
    case 3:
      return { ...data, sender: changedId(data.sender, random) };
    case 4:
      return { ...data, expiration: { kind: 'epoch', epoch: someNumber(random) } };
    case 5: {
      const bound = () => (random(2) === 0 ? undefined : someNumber(random));
      return {
        ...data,
        expiration: {
          kind: 'valid-during',
          minEpoch: bound(),
          maxEpoch: bound(),
          minTimestamp: bound(),
          maxTimestamp: bound(),
          chain: seededBytes(random, 32),
          nonce: random(2 ** 31),
        },
      };
    }
    default:
      return { ...data, gas: { ...gas, payment: changedList(gas.payment, random, (ref) => ref) } };
  }
}

/** A transaction with one to three parts of its structure changed, or taken from another one. */
export function mutateTransaction(
  original: TransactionData,
  donor: TransactionData,
  random: Random,
  addresses: PackageAddresses,
): TransactionData {
  let data = original;
  for (let changes = random(3); changes >= 0; changes -= 1) {
    switch (random(5)) {
      case 0:
        data = changedTerms(data, random);
        break;
      case 1:
        data = {
          ...data,
          inputs: changedList(data.inputs, random, (input) => changedInput(input, random, donor.inputs)),
        };
        break;
      case 2:
        data = { ...data, commands: [...data.commands, ...donor.commands.slice(0, 1 + random(2))] };
        break;
      default:
        data = {
          ...data,
          commands: changedList(data.commands, random, (command) => changedCommand(command, random, addresses)),
        };
    }
  }
  return data;
}
