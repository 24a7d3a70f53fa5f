/** Entry of a web worker. */
import { serveJobs } from '../worker-loop.ts';
import type { JobMessage } from '../worker-protocol.ts';

/** What of the worker's global scope is used; the DOM library describes windows only. */
interface WorkerScope {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<JobMessage>) => void): void;
}

const scope = globalThis as unknown as WorkerScope;
serveJobs({
  post: (message, transfer) => scope.postMessage(message, transfer),
  onMessage: (listener) => scope.addEventListener('message', (event) => listener(event.data)),
});
