/** What a transaction built by the client would do, read from its commands without executing them. */
import { fromBase64 } from '@floe/platform';
import { type ObjectId, parseObjectId, type SuiAddress } from '@floe/protocol';
import type { Transaction } from '@mysten/sui/transactions';

export interface MoveCall {
  /** Place among the commands. */
  readonly place: number;
  /** `module::function`. */
  readonly function: string;
  pure(argument: number): Uint8Array;
  objectId(argument: number): ObjectId;
  /** Whether the argument is an input, not the result of a command. */
  isInput(argument: number): boolean;
}

export interface ReadTransaction {
  readonly calls: readonly MoveCall[];
  /** FROST taken from the sender. */
  readonly payment: bigint;
  /** Objects by id that are given away; results of commands are left out. */
  readonly transfers: readonly { readonly objectIds: readonly ObjectId[]; readonly to: SuiAddress }[];
}

export function readTransaction(transaction: Transaction): ReadTransaction {
  const { inputs, commands } = transaction.getData();
  const pureInput = (index: number): Uint8Array => {
    const bytes = fromBase64(inputs[index]?.Pure?.bytes ?? '!');
    if (bytes === undefined) throw new Error(`input ${index} is not pure`);
    return bytes;
  };
  const objectInput = (index: number): ObjectId => parseObjectId(inputs[index]?.UnresolvedObject?.objectId ?? '');
  const calls: MoveCall[] = [];
  const transfers: { objectIds: ObjectId[]; to: SuiAddress }[] = [];
  let payment = 0n;
  commands.forEach((command, place) => {
    if (command.$kind === '$Intent') payment += BigInt(command.$Intent.data['balance'] as bigint);
    if (command.$kind === 'TransferObjects') {
      const { objects, address } = command.TransferObjects;
      const objectIds = objects.flatMap((object) => (object.$kind === 'Input' ? [objectInput(object.Input)] : []));
      transfers.push({ objectIds, to: parseObjectId(Buffer.from(pureInput(inputOf(address))).toString('hex')) });
    }
    if (command.$kind !== 'MoveCall') return;
    const call = command.MoveCall;
    calls.push({
      place,
      function: `${call.module}::${call.function}`,
      pure: (argument) => pureInput(inputOf(call.arguments[argument])),
      isInput: (argument) => call.arguments[argument]?.$kind === 'Input',
      objectId: (argument) => objectInput(inputOf(call.arguments[argument])),
    });
  });
  return { calls, payment, transfers };
}

function inputOf(argument: { readonly $kind: string; readonly Input?: number } | undefined): number {
  if (argument?.Input === undefined) throw new Error(`argument is no input but ${argument?.$kind ?? 'missing'}`);
  return argument.Input;
}
