/** What memory a process has, as Linux tells it. */
import { readFile } from 'node:fs/promises';

export interface ProcessMemory {
  readonly residentBytes: number;
  /** The most since it was started; `process.resourceUsage()` of a child begins with its parent's. */
  readonly peakBytes: number;
}

/** @returns undefined when there is no such process */
export async function processMemory(pid: number): Promise<ProcessMemory | undefined> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const bytesOf = (field: string): number => 1024 * Number(new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(text)?.[1]);
  return text === '' ? undefined : { residentBytes: bytesOf('VmRSS'), peakBytes: bytesOf('VmHWM') };
}
