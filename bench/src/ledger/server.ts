/**
 * The ledger in a process of its own: opens the chain in the directory given, serves it, and tells its parent over IPC
 * how long it took to start and, when asked, what it uses.
 */
import { readFileSync } from 'node:fs';
import { serveLedger } from '@floe/ledger/node';
import { openBenchLedger } from './chain.ts';

/** What the process tells when it is ready. */
export interface Started {
  readonly url: string;
  /** From the process's start until it serves. */
  readonly startSeconds: number;
  /** Of that, opening the chain. */
  readonly openSeconds: number;
}

/** What the process tells when asked. */
export interface Usage {
  /** Since its start. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  /** Of that, without pages of files: what memory the process itself takes. */
  readonly anonymousBytes: number;
}

const [directory = ''] = process.argv.slice(2);
const beganMs = performance.now();
const ledger = await openBenchLedger(directory);
const openSeconds = (performance.now() - beganMs) / 1000;
const server = await serveLedger(ledger, { host: '127.0.0.1', port: 0, ownThread: true });
const started: Started = { url: server.url, startSeconds: performance.now() / 1000, openSeconds };
process.send?.(started);

process.on('message', (message) => {
  if (message === 'usage') {
    const cpu = process.cpuUsage();
    const usage: Usage = {
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      rssBytes: process.memoryUsage().rss,
      anonymousBytes: anonymousBytes(),
    };
    process.send?.(usage);
  }
});
process.once('disconnect', () => {
  void server
    .close(0)
    .then(() => ledger.close())
    .then(() => process.exit(0));
});

/** Linux tells; elsewhere the heap stands in. */
function anonymousBytes(): number {
  const { heapTotal, external } = process.memoryUsage();
  try {
    const line = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return line === undefined ? heapTotal + external : Number(line) * 1024;
  } catch {
    return heapTotal + external;
  }
}
