/**
 * Programs made to be dear: lengths that nothing bears out, numbers at the ends of their range, types as deep as types can
 * be and deeper, one argument hundreds of times, vectors of vectors of one another, and the same command again and again.
 */
import { formatMoveType, type FunctionSignature, functionSignatures, type PackageAddresses } from '@floe/contracts';
import { concatBytes } from '@floe/platform';
import { type Argument, type CallArg, type Command, type TransactionData } from '../../../src/transaction-data.ts';
import { seededBytes } from '../../rpc/support/random.ts';

type Random = (bound: number) => number;

const oneOf = <T>(items: readonly T[], random: Random): T => items[random(items.length)] as T;

const SIZES: Readonly<Record<string, number>> = {
  bool: 1,
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  u128: 16,
  u256: 32,
  address: 32,
};
const ELEMENTS = ['bool', 'u8', 'u16', 'u64', 'u256', 'address'];
/** ULEB128 of lengths at the ends of their range, the longest of them in more bytes than a length has. */
const LENGTHS = [
  [0],
  [1],
  [0x7f],
  [0xff, 0x7f],
  [0xfd, 0x7f],
  [0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
];

const nested = (element: string, depth: number) => `${'vector<'.repeat(depth)}${element}${'>'.repeat(depth)}`;

/** A number of so many bytes at an end of its range, or near. */
function extreme(size: number, random: Random): Uint8Array {
  const bytes = new Uint8Array(size).fill(oneOf([0, 0, 0xff, 0xff, 0x7f], random));
  bytes[0] = oneOf([0, 1, 2, 0xfe, 0xff], random);
  return bytes;
}

function extremeBytes(random: Random): Uint8Array {
  const length = Uint8Array.from(oneOf(LENGTHS, random));
  switch (random(4)) {
    case 0:
      return concatBytes(...Array.from({ length: 1 + random(20) }, () => length));
    case 1:
      return concatBytes(length, new Uint8Array(oneOf([16, 500, 16_382], random)));
    case 2:
      return new Uint8Array(oneOf([5, 200, 16_384], random)).fill(0xff);
    default:
      return concatBytes(length, seededBytes(random, random(200)));
  }
}

/** Inputs for shared objects, by the type of the object. */
export type SharedObjects = ReadonlyMap<string, Extract<CallArg, { kind: 'shared' }>>;

class DearProgram {
  readonly inputs: CallArg[];
  readonly commands: Command[] = [];
  readonly #random: Random;
  readonly #addresses: PackageAddresses;
  readonly #shared: SharedObjects;
  readonly #ids: readonly Uint8Array[];

  constructor(
    random: Random,
    options: {
      addresses: PackageAddresses;
      shared: SharedObjects;
      ids: readonly Uint8Array[];
      inputs: readonly CallArg[];
    },
  ) {
    this.#random = random;
    this.#addresses = options.addresses;
    this.#shared = options.shared;
    this.#ids = options.ids;
    this.inputs = [...options.inputs];
  }

  pure(bytes: Uint8Array): Argument {
    this.inputs.push({ kind: 'pure', bytes });
    return { kind: 'input', index: this.inputs.length - 1 };
  }

  /** A shared object of a type, or any; named once however often it is used. */
  shared(type: string): Argument {
    const object = this.#shared.get(type) ?? oneOf([...this.#shared.values()], this.#random);
    const at = this.inputs.findIndex((input) => input.kind === 'shared' && input.id === object.id);
    if (at < 0) this.inputs.push(object);
    return { kind: 'input', index: at < 0 ? this.inputs.length - 1 : at };
  }

  /** Usually an id that means something on the chain. */
  id(): Uint8Array {
    return this.#random(8) === 0 ? extreme(32, this.#random) : oneOf(this.#ids, this.#random);
  }

  argument(): Argument {
    const random = this.#random;
    if (this.commands.length > 0 && random(2) === 0) return { kind: 'result', command: random(this.commands.length) };
    return random(3) === 0 ? { kind: 'gas' } : this.pure(extremeBytes(random));
  }

  vector(type: string, element: Argument): Argument {
    const elements = Array.from<Argument>({ length: oneOf([1, 2, 511, 512], this.#random) }).fill(element);
    this.commands.push({ kind: 'make-move-vec', type, elements });
    return { kind: 'result', command: this.commands.length - 1 };
  }

  /** Vectors of vectors of one another. */
  chain(): void {
    const random = this.#random;
    const element = oneOf(ELEMENTS, random);
    let made = this.pure(extreme(SIZES[element] as number, random));
    const first = random(3) * 6;
    for (let depth = first; depth < first + 1 + random(6); depth += 1) made = this.vector(nested(element, depth), made);
  }

  /** A pure input taken as vectors of some depth, hundreds of times. */
  repeated(): void {
    const random = this.#random;
    const input = this.pure(extremeBytes(random));
    for (let left = 1 + random(6); left > 0; left -= 1) {
      this.vector(nested(oneOf(ELEMENTS, random), random(18)), input);
    }
  }

  call(): void {
    const random = this.#random;
    const signature = oneOf(functionSignatures, random);
    const typeArguments = signature.typeParameters.map(() =>
      random(2) === 0 ? '0x2::sui::SUI' : nested(oneOf(ELEMENTS, random), oneOf([0, 15, 16], random)),
    );
    this.commands.push({
      kind: 'move-call',
      package: this.#addresses[signature.package],
      module: signature.module,
      function: signature.name,
      typeArguments,
      arguments: this.#arguments(signature, typeArguments),
    });
  }

  #arguments({ parameters }: FunctionSignature, typeArguments: readonly string[]): Argument[] {
    const random = this.#random;
    return parameters.flatMap(({ type, ref }) => {
      if (type.kind === 'struct' && type.name === 'TxContext') return [];
      const text = formatMoveType(type, this.#addresses, typeArguments);
      const size = SIZES[text];
      if (size !== undefined) return [this.pure(text === 'address' ? this.id() : extreme(size, random))];
      if (type.kind === 'vector' || (type.kind === 'struct' && ['String', 'ID', 'Option'].includes(type.name))) {
        return [this.pure(type.kind === 'struct' && type.name === 'ID' ? this.id() : extremeBytes(random))];
      }
      return [ref === 'value' || random(8) === 0 ? this.argument() : this.shared(text)];
    });
  }

  /** The commands so far again, as often as fits. */
  again(): void {
    const times = oneOf([2, 30, 1000], this.#random);
    const part = [...this.commands];
    for (let i = 0; i < times && this.commands.length + part.length <= 1024; i += 1) this.commands.push(...part);
  }
}

/** A program of a few such things, with the terms of a real transaction. */
export function dearProgram(
  template: TransactionData,
  random: Random,
  options: { addresses: PackageAddresses; shared: SharedObjects; ids: readonly Uint8Array[] },
): TransactionData {
  const inputs = template.inputs.filter(({ kind }) => kind === 'owned').slice(0, 2);
  const program = new DearProgram(random, { ...options, inputs });
  for (let left = random(4); left >= 0; left -= 1) {
    switch (random(5)) {
      case 0:
        program.chain();
        break;
      case 1:
        program.repeated();
        break;
      default:
        program.call();
    }
  }
  if (random(3) === 0) program.again();
  return { ...template, inputs: program.inputs, commands: program.commands };
}
