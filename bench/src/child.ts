/** A node in a process of its own, while this one looks on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Child<T> {
  readonly isOver: boolean;
  /** The line of JSON that it prints. */
  readonly result: Promise<T>;
}

/** Runs a script with a node's `node.json`, in a process of its own, so that its processor time is its own. */
export function runChild<T>(script: string, ...args: readonly string[]): Child<T> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const state = {
    isOver: false,
    result: once(child, 'close').then(([code]) => {
      state.isOver = true;
      if (code !== 0) throw new Error(`the node in a process of its own ended with ${String(code)}`);
      return JSON.parse(output) as T;
    }),
  };
  // Seen by whoever awaits it.
  state.result.catch(() => undefined);
  return state;
}

export function succeeded({ code, stderr }: { code: number | null; stderr: string }): void {
  if (code !== 0) throw new Error(stderr);
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
