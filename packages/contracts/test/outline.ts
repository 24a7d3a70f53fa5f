/** Transactions read back from how they were built. */
import { Transaction } from '@mysten/sui/transactions';
import { expect } from 'vitest';
import { callParameters, functionSignature } from '../src/functions.ts';
import type { PackageName } from '../src/move-type.ts';

export type Command = ReturnType<Transaction['getData']>['commands'][number];

export function commandsOf(build: (transaction: Transaction) => void): Command[] {
  const transaction = new Transaction();
  build(transaction);
  return transaction.getData().commands;
}

/** Commands as `module::function`, or the kind of command. */
export function outline(build: (transaction: Transaction) => void): string[] {
  return commandsOf(build).map((command) =>
    command.MoveCall
      ? `${command.MoveCall.module}::${command.MoveCall.function}`
      : (command.$Intent?.name ?? command.$kind),
  );
}

/** The price that the coin intent asks for. */
export function paid(build: (transaction: Transaction) => void): unknown {
  return commandsOf(build).find((command) => command.$Intent?.name === 'CoinWithBalance')?.$Intent?.data['balance'];
}

/** Every call has as many arguments and type arguments as its signature; returns how many calls there were. */
export function checkSignatures(
  build: (transaction: Transaction) => void,
  packages: Readonly<Record<string, PackageName>>,
): number {
  const calls = commandsOf(build).flatMap((command) => (command.MoveCall ? [command.MoveCall] : []));
  for (const call of calls) {
    const signature = functionSignature(packages[call.package] ?? 'sui', call.module, call.function);
    expect(signature, `${call.module}::${call.function}`).toBeDefined();
    expect(call.arguments, call.function).toHaveLength(signature ? callParameters(signature).length : -1);
    expect(call.typeArguments, call.function).toHaveLength(signature?.typeParameters.length ?? -1);
  }
  return calls.length;
}
