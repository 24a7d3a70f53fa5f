/** What runs in a worker: one job after another on a kernel of its own. */
import { CodeKernel } from '@floe/kernels';
import { type Job, jobSteps } from './jobs.ts';
import { mapMemoryError } from './inline-runner.ts';
import { type JobMessage, resultBuffers, sendableError, type WorkerMessage } from './worker-protocol.ts';

/** A worker's end of the channel. */
export interface WorkerPort {
  post(message: WorkerMessage, transfer: ArrayBuffer[]): void;
  onMessage(listener: (message: JobMessage) => void): void;
}

/** Serves jobs until the thread ends. */
export function serveJobs(port: WorkerPort): void {
  const kernel = new CodeKernel();
  port.onMessage((message) => {
    try {
      port.post(...answer(kernel, message, (fraction) => port.post({ type: 'progress', fraction }, [])));
    } catch (error) {
      port.post({ type: 'failed', error: sendableError(mapMemoryError(error)) }, []);
    } finally {
      kernel.trim();
    }
  });
  port.post({ type: 'ready' }, []);
}

function answer(
  kernel: CodeKernel,
  { job, stop, wantProgress }: JobMessage,
  onProgress: (fraction: number) => void,
): [WorkerMessage, ArrayBuffer[]] {
  const steps = jobSteps<Job>(kernel, job);
  for (;;) {
    if (stop !== undefined && Atomics.load(stop, 0) !== 0) return [{ type: 'stopped' }, []];
    const next = steps.next();
    if (next.done === true) return [{ type: 'done', result: next.value }, resultBuffers(next.value)];
    if (wantProgress) onProgress(next.value);
  }
}
