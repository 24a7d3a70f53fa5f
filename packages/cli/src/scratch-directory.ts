/** Where commands put large blobs aside. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** What was asked for, or else not where the system keeps temporary files unless told so: that is often in memory. */
export function scratchDirectory(asked: string | undefined): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return asked ?? process.env['FLOE_SCRATCH'] ?? join(cache, 'floe');
}
