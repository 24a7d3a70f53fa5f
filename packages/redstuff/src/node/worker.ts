/** Entry of a worker thread. */
import { parentPort } from 'node:worker_threads';
import { assert } from '@floe/platform';
import { serveJobs } from '../worker-loop.ts';
import type { JobMessage } from '../worker-protocol.ts';

const port = parentPort;
assert(port !== null, 'this file runs in a worker thread');
serveJobs({
  post: (message, transfer) => port.postMessage(message, transfer),
  onMessage: (listener) => port.on('message', (message: JobMessage) => listener(message)),
});
