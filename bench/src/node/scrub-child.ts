/** A storage node that scrubs all it holds, at so many bytes per second. Prints one line of JSON: what that took. */
import { noMetrics } from '@floe/platform';
import { systemClock, systemScheduler } from '@floe/platform/node';
import { openNode } from '../open-node.ts';

/** What the child prints. Of one whole pass. */
export interface Scrubbed {
  readonly bytes: number;
  readonly elapsedMs: number;
  readonly cpuMs: number;
  readonly peakRssBytes: number;
}

const POLL_MS = 5;
const [, , file, rate] = process.argv as [string, string, string, string];

// A pass begins as the node opens, and the one before it may have ended in another process.
const startedMs = systemClock.nowMs();
const opened = await openNode(file, {
  limits: { scrubMinBytesPerSecond: Number(rate), scrubMaxBytesPerSecond: Number(rate) },
  metrics: noMetrics,
});
const { node } = opened;
const openedMs = systemClock.nowMs();
const before = process.cpuUsage();
const bytes = node.status().store.liveBytes;
let peakRssBytes = 0;
let { lastPass } = node.status().scrub;
while (lastPass === undefined || lastPass.endedMs < startedMs) {
  peakRssBytes = Math.max(peakRssBytes, process.memoryUsage.rss());
  await systemScheduler.sleep(POLL_MS);
  ({ lastPass } = node.status().scrub);
}
const { user, system } = process.cpuUsage(before);
const scrubbed: Scrubbed = {
  bytes,
  elapsedMs: Math.max(1, lastPass.endedMs - openedMs),
  cpuMs: (user + system) / 1000,
  peakRssBytes,
};
process.stdout.write(`${JSON.stringify(scrubbed)}\n`);
await opened.close();
