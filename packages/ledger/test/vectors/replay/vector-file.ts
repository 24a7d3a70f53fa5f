/** The file of vectors, and what every group's replay needs. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { outcomeOf } from '../../support/native-call.ts';

export interface Abort {
  readonly module: string;
  readonly code: number;
}

export type Action = Readonly<Record<string, unknown>> & { readonly op: string };
export type Observed = Readonly<Record<string, unknown>>;

/** A recorded sequence of calls. */
export interface Sequence {
  readonly initial_state: Observed;
  readonly steps: readonly { readonly action: Action; readonly result: Observed; readonly changed: Observed }[];
  readonly final_aborting_action?: Action & { readonly abort: Abort | 'ARITHMETIC_ERROR' };
}

export type Case = Readonly<Record<string, unknown>>;

export interface VectorFile {
  readonly apportionment?: readonly Case[];
  readonly shard_transition?: readonly Case[];
  readonly votes?: readonly Case[];
  readonly pool?: readonly Sequence[];
  readonly system?: readonly Sequence[];
  readonly storage?: {
    readonly sequences?: readonly Sequence[];
    readonly encoded_length?: readonly Case[];
    readonly blob_id?: readonly Case[];
  };
  readonly active_set?: readonly Case[];
  readonly certificate?: readonly Case[];
  readonly registration?: readonly Case[];
}

/** The project's copy, or the file that FLOE_CONTRACT_VECTORS names. */
export function readVectors(): VectorFile {
  const named = process.env['FLOE_CONTRACT_VECTORS'];
  const path = named === undefined || named === '' ? new URL('../contracts.json', import.meta.url) : named;
  return JSON.parse(readFileSync(path, 'utf8')) as VectorFile;
}

/** Fails on a field that the replay would pass over. */
export function requireFields(value: object, known: readonly string[]): void {
  expect(Object.keys(value).filter((key) => !known.includes(key)), 'fields that the replay does not know').toEqual([]);
}

export function abortText(abort: Abort | 'ARITHMETIC_ERROR'): string {
  return abort === 'ARITHMETIC_ERROR' ? abort : `${abort.module}::${abort.code}`;
}

/** What replays a sequence: runs an action for its result, and shows the whole state. */
export interface Replay {
  step(action: Action, expected: Observed): Observed;
  observed(): Observed;
}

/** Replays a sequence: result and complete state after every step, then the call that aborts and changes nothing. */
export function replaySequence(sequence: Sequence, replay: Replay, merge: (state: Observed, changed: Observed) => Observed): void {
  let expected = sequence.initial_state;
  expect(replay.observed(), 'initial state').toEqual(expected);
  for (const [index, { action, result, changed }] of sequence.steps.entries()) {
    const where = `step ${index}: ${JSON.stringify(action)}`;
    requireFields(sequence.steps[index] as object, ['action', 'result', 'changed']);
    const outcome = outcomeOf(() => replay.step(action, result));
    expect(outcome, where).toEqual({ value: result });
    expected = merge(expected, changed);
    const observed = replay.observed();
    // Texts first: the state is large, the steps are thousands.
    if (JSON.stringify(observed) !== JSON.stringify(expected)) expect(observed, where).toEqual(expected);
  }
  const last = sequence.final_aborting_action;
  if (last === undefined) return;
  const outcome = outcomeOf(() => replay.step(last, {}));
  expect(outcome, `aborting ${JSON.stringify(last)}`).toEqual({ abort: abortText(last.abort) });
}
