/** The most memory that this process has had resident. */
import { readFileSync } from 'node:fs';

/**
 * In MiB. `process.resourceUsage().maxRSS` would not do: on Linux it begins with what the parent held when it started the
 * process, so that every child of a large benchmark looks as large.
 */
export function peakMemoryMib(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS / 1024;
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  if (kib === undefined) throw new Error('the system does not tell the peak memory of a process');
  return Number(kib) / 1024;
}
