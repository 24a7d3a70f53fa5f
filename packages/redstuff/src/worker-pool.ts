/**
 * Jobs on a pool of workers: each worker runs one job at a time, as many wait as the pool's limit says, and past that
 * QUEUE_FULL. Cheap jobs run in the calling thread.
 *
 * Workers are started when there is work for them. One that fails takes its job with it (CODEC_WORKER_FAILED) and is
 * replaced when the next job needs it. Idle workers do not keep the process alive.
 */
import { concurrencyErrors } from '@floe/platform';
import { errors } from './errors.ts';
import type { InlineRunner } from './inline-runner.ts';
import { isCheap, isOnMemory } from './job-cost.ts';
import type { Job, JobOptions, JobResult, JobResults, JobRunner } from './jobs.ts';
import { type JobMessage, packJob, receivedError, type WorkerMessage } from './worker-protocol.ts';

/** A worker as the pool sees it. */
export interface WorkerHandle {
  post(message: JobMessage, transfer: ArrayBuffer[]): void;
  onMessage(listener: (message: WorkerMessage) => void): void;
  /** The worker has ended or cannot go on; called at most once. */
  onFailure(listener: (reason: unknown) => void): void;
  terminate(): Promise<void>;
  /** Whether the worker keeps the process alive. */
  keepAlive(alive: boolean): void;
}

export interface WorkerPoolOptions {
  /** Most workers at once. */
  readonly workers: number;
  /** Most jobs that wait for a worker. */
  readonly maxQueued: number;
}

export interface WorkerPoolModules {
  /** Starts a worker; it says 'ready' when it can take jobs. */
  readonly spawn: () => WorkerHandle;
  /** Runs cheap jobs and, if `fallBack`, all jobs once a worker could not start. */
  readonly local: InlineRunner;
  readonly fallBack: boolean;
}

interface Task {
  readonly job: Job;
  readonly options: JobOptions;
  /** Tells the worker to stop; made when the job is given to one, where memory can be shared. */
  stop: Int32Array | undefined;
  /** Its caller has an answer, or has given up. */
  isOver: boolean;
  resolve(result: JobResults[keyof JobResults]): void;
  reject(error: unknown): void;
}

interface Member {
  readonly worker: WorkerHandle;
  ready: boolean;
  /** The job it runs; its caller may have given up on it already. */
  task: Task | undefined;
}

export class WorkerPool implements JobRunner {
  readonly parallelism: JobRunner['parallelism'];
  readonly #options: WorkerPoolOptions;
  readonly #modules: WorkerPoolModules;
  readonly #queue: Task[] = [];
  readonly #members = new Set<Member>();
  #closed = false;
  #onlyLocal = false;

  constructor(options: WorkerPoolOptions, modules: WorkerPoolModules) {
    this.parallelism = { threads: options.workers, sharesMemory: typeof SharedArrayBuffer !== 'undefined' };
    this.#options = options;
    this.#modules = modules;
  }

  /** Whether workers could not be started and jobs run in the calling thread. */
  get onlyLocal(): boolean {
    return this.#onlyLocal;
  }

  /** Jobs that wait for a worker. */
  get queued(): number {
    return this.#queue.length;
  }

  async run<J extends Job>(job: J, options: JobOptions): Promise<JobResult<J>> {
    options.signal?.throwIfAborted();
    if (this.#closed) throw errors.CODEC_CLOSED({ job: `'${job.kind}'` });
    if (this.#onlyLocal || isCheap(job) || !canBeSent(job)) return await this.#modules.local.run(job, options);
    // Jobs for workers that are free, or just being started for them, do not wait.
    const busy = [...this.#members].filter(({ task }) => task !== undefined).length;
    const waiting = this.#queue.length - (this.#options.workers - busy);
    if (waiting >= this.#options.maxQueued && options.isAdmitted !== true) {
      throw concurrencyErrors.QUEUE_FULL({ queue: 'the codec', limit: this.#options.maxQueued });
    }
    return (await this.#enqueue(job, options)) as JobResult<J>;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const members = [...this.#members];
    this.#members.clear();
    for (const task of this.#queue.splice(0)) task.reject(errors.CODEC_CLOSED({ job: `'${task.job.kind}'` }));
    for (const { task } of members) task?.reject(errors.CODEC_CLOSED({ job: `'${task.job.kind}'` }));
    await Promise.all([...members.map((member) => end(member)), this.#modules.local.close()]);
  }

  #enqueue(job: Job, options: JobOptions): Promise<JobResults[keyof JobResults]> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      const leave = () => {
        task.isOver = true;
        signal?.removeEventListener('abort', abort);
      };
      const task: Task = {
        job,
        options,
        stop: undefined,
        isOver: false,
        resolve(result) {
          leave();
          resolve(result);
        },
        reject(error) {
          leave();
          reject(error as Error);
        },
      };
      // A running job learns of it from its stop flag, and its worker takes the next job when it has stopped.
      const abort = () => {
        const at = this.#queue.indexOf(task);
        if (at >= 0) this.#queue.splice(at, 1);
        if (task.stop !== undefined) Atomics.store(task.stop, 0, 1);
        task.reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#queue.push(task);
      this.#dispatch();
    });
  }

  /** Gives waiting jobs to idle workers, and starts workers if there are more jobs than those. */
  #dispatch(): void {
    for (const member of this.#members) {
      while (member.ready && member.task === undefined) {
        const task = this.#queue.shift();
        if (task === undefined) break;
        this.#assign(member, task);
      }
      member.worker.keepAlive(!member.ready || member.task !== undefined);
    }
    const starting = [...this.#members].filter((member) => !member.ready).length;
    const wanted = Math.min(this.#queue.length - starting, this.#options.workers - this.#members.size);
    for (let i = 0; i < wanted && !this.#onlyLocal; i += 1) this.#start();
  }

  #assign(member: Member, task: Task): void {
    task.stop = typeof SharedArrayBuffer === 'undefined' ? undefined : new Int32Array(new SharedArrayBuffer(4));
    const wantProgress = task.options.onProgress !== undefined;
    try {
      const { job, transfer } = packJob(task.job);
      member.worker.post({ type: 'job', job, stop: task.stop, wantProgress }, transfer);
      member.task = task;
      task.options.onStart?.();
    } catch (error) {
      task.reject(error);
    }
  }

  #start(): void {
    let worker: WorkerHandle;
    try {
      worker = this.#modules.spawn();
    } catch (error) {
      this.#startFailed(error);
      return;
    }
    const member: Member = { worker, ready: false, task: undefined };
    this.#members.add(member);
    worker.keepAlive(true);
    worker.onMessage((message) => this.#receive(member, message));
    worker.onFailure((reason) => this.#fail(member, reason));
  }

  #receive(member: Member, message: WorkerMessage): void {
    if (!this.#members.has(member)) return; // closed meanwhile
    const { task } = member;
    if (message.type === 'progress') {
      if (task !== undefined) reportProgress(task, message.fraction);
      return;
    }
    if (message.type === 'ready') member.ready = true;
    else leaveTask(member);
    if (message.type === 'failed') task?.reject(receivedError(message.error));
    if (message.type === 'done' && task !== undefined && reportProgress(task, 1)) task.resolve(message.result);
    this.#dispatch();
  }

  #fail(member: Member, reason: unknown): void {
    if (!this.#members.delete(member)) return;
    if (!member.ready) {
      void member.worker.terminate();
      this.#startFailed(reason);
      return;
    }
    member.task?.reject(workerFailed(member.task, reason));
    void end(member); // it may have failed without ending, and must not go on in memory that others use
    this.#dispatch();
  }

  /** A worker that could not even start: run jobs here from now on or, if that is not wanted, fail one for each attempt. */
  #startFailed(reason: unknown): void {
    if (this.#modules.fallBack) {
      this.#onlyLocal = true;
      for (const task of this.#queue.splice(0)) {
        if (task.job.kind === 'share') {
          task.reject(workerFailed(task, reason)); // the calling thread must not wait for others
          continue;
        }
        this.#modules.local.run(task.job, task.options).then(
          (result) => task.resolve(result),
          (error: unknown) => task.reject(error),
        );
      }
      return;
    }
    const task = this.#queue.shift();
    task?.reject(workerFailed(task, reason));
    this.#dispatch();
  }
}

function leaveTask(member: Member): void {
  const { task } = member;
  member.task = undefined;
  task?.options.onEnd?.();
}

async function end(member: Member): Promise<void> {
  try {
    await member.worker.terminate();
  } finally {
    leaveTask(member);
  }
}

/** False when `onProgress` threw. That ends its job as it does inline; thrown on from a message it would end the process. */
function reportProgress(task: Task, fraction: number): boolean {
  if (task.isOver) return true;
  try {
    task.options.onProgress?.(fraction);
    return true;
  } catch (error) {
    if (task.stop !== undefined) Atomics.store(task.stop, 0, 1);
    task.reject(error);
    return false;
  }
}

/** Memory that threads cannot share stays where it is. */
function canBeSent(job: Job): boolean {
  return !isOnMemory(job) || !(job.memory.buffer instanceof ArrayBuffer);
}

function workerFailed(task: Task, reason: unknown): Error {
  const text = reason instanceof Error ? reason.message : String(reason);
  return errors.CODEC_WORKER_FAILED({ job: `'${task.job.kind}'`, reason: text }, reason);
}
