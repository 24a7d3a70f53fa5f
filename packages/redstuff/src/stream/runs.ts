/** Runs of numbers. */
export interface Run {
  readonly first: number;
  readonly count: number;
}

/** Numbers from `from` to `to` - 1 in runs of at most `most`. */
export function cut(from: number, to: number, most: number): Run[] {
  const runs: Run[] = [];
  for (let first = from; first < to; first += most) runs.push({ first, count: Math.min(most, to - first) });
  return runs;
}

/** Numbers from `from` to `to` - 1. */
export function numbers(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
