/** Preloaded into a process that is measured (NODE_OPTIONS=--import=…): says at its end how much memory it had at most. */
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  process.on('exit', () => {
    // In KiB on every system. What is resident of mapped files counts too: this is what the system had to find.
    writeFileSync(process.env.PEAK_MEMORY_FILE, String(process.resourceUsage().maxRSS));
  });
}
