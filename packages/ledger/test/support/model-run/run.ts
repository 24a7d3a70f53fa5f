/** Random calls to the contracts and to the model at once; after every step both must show the same, and nothing be lost. */
import { creditsCall, exchangeCall, subsidiesCall } from './companion-calls.ts';
import { Pair, type PairCall } from './pair.ts';
import { poolCall } from './pool-calls.ts';
import { epochCall, nodeCall, stakeCall, voteCall } from './staking-calls.ts';
import { blobCall, spaceCall } from './storage-calls.ts';
import { checkPair } from './views.ts';

/** Outcomes of a run, by what was called. */
export type Tally = Map<string, { succeeded: number; aborted: number }>;

/** What calls there are, and how many parts of the whole each kind has. */
const CALLS: readonly (readonly [parts: number, call: (pair: Pair) => PairCall])[] = [
  // Time and the state machine get a quarter of the calls, so that epochs pass.
  [10, epochCall],
  [6, stakeCall],
  [6, nodeCall],
  [4, spaceCall],
  [7, blobCall],
  [7, poolCall],
  [1, exchangeCall],
  [2, creditsCall],
  [2, subsidiesCall],
];
const PARTS = CALLS.reduce((sum, [parts]) => sum + parts, 0);

function someCall(pair: Pair): PairCall {
  let at = pair.pick(PARTS);
  for (const [parts, call] of CALLS) {
    if (at < parts) return call(pair);
    at -= parts;
  }
  throw new TypeError('parts of the calls that do not add up');
}

/** Stakes, votes and turns the first epoch, so that there is something to buy; every other seed begins without. */
function begin(pair: Pair): void {
  for (let call = 0; call < 20; call += 1)
    pair.run(call % 2 === 0 ? stakeCall(pair) : voteCall(pair), 'before the first step');
  for (let call = 0; call < 200 && (pair.model.epoch === 0 || pair.model.phase !== 'done'); call += 1) {
    pair.run(epochCall(pair), 'before the first step');
  }
}

/** Runs `steps` calls of a seed; throws at the first difference. Counts what was called in `tally`. */
export function runAgainstModel(seed: number, steps: number, tally: Tally): void {
  const pair = new Pair(seed);
  if (seed % 2 === 0) begin(pair);
  for (let index = 0; index < steps; index += 1) {
    const call = someCall(pair);
    const [name] = call;
    const where = `seed ${seed}, step ${index}, ${name}`;
    const succeeded = pair.run(call, where);
    const counts = tally.get(name) ?? { succeeded: 0, aborted: 0 };
    counts[succeeded ? 'succeeded' : 'aborted'] += 1;
    tally.set(name, counts);
    checkPair(pair, index, where);
  }
}
