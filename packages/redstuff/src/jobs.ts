/**
 * The computations behind a codec, as plain data: a job can be run here or posted to a worker, and only arrays of bytes
 * and numbers go either way. Jobs trust their input: the codec has checked sizes, indices and counts.
 */
import type { CodeKernel } from '@floe/kernels';
import { type Axis, geometryOf } from '@floe/protocol';
import { type BatchParts, batchSteps } from './batch.ts';
import { decodeSliver, decodeSteps } from './decode.ts';
import { type EncodedParts, encodeSteps, pairHashSteps } from './encode.ts';
import { type ExpandedSliver, expandSliver, rootSteps } from './expand.ts';
import type { SliverMemory } from './sliver-memory.ts';
import type { Steps } from './steps.ts';
import { type StreamJob, streamSteps } from './stream/encode-tasks.ts';
import { type RestoreJob, restoreSteps } from './stream/restore-tasks.ts';
import { type ShareJob, shareSteps } from './team/share.ts';
import { encodeInPlaceSteps, workplaceOf } from './team/workplace.ts';

export interface EncodeJob {
  readonly kind: 'encode';
  readonly nShards: number;
  readonly blob: Uint8Array;
  /** Where the slivers go; new memory when missing. */
  readonly into?: SliverMemory | undefined;
  /** Whether the slivers may be views of memory that the runner wants back. */
  readonly lend?: boolean | undefined;
}

export interface PairHashesJob {
  readonly kind: 'pairHashes';
  readonly nShards: number;
  readonly blob: Uint8Array;
}

/** Many small blobs. */
export interface BatchJob {
  readonly kind: 'batch';
  readonly nShards: number;
  readonly blobs: readonly Uint8Array[];
  readonly wantSlivers: boolean;
}

export interface DecodeJob {
  readonly kind: 'decode';
  readonly nShards: number;
  readonly axis: Axis;
  readonly unencodedLength: number;
  readonly indices: readonly number[];
  readonly slivers: readonly Uint8Array[];
  /** Where the blob goes; new memory when missing. */
  readonly into?: Uint8Array | undefined;
}

export interface RootsJob {
  readonly kind: 'roots';
  readonly nShards: number;
  readonly axis: Axis;
  readonly symbolSize: number;
  readonly slivers: readonly Uint8Array[];
}

export interface ExpandJob {
  readonly kind: 'expand';
  readonly nShards: number;
  readonly axis: Axis;
  readonly symbolSize: number;
  readonly sliver: Uint8Array;
}

export interface RecoverJob {
  readonly kind: 'recover';
  readonly nShards: number;
  readonly axis: Axis;
  readonly symbolSize: number;
  readonly indices: readonly number[];
  readonly symbols: readonly Uint8Array[];
}

export type Job =
  | EncodeJob
  | PairHashesJob
  | BatchJob
  | ShareJob
  | StreamJob
  | RestoreJob
  | DecodeJob
  | RootsJob
  | ExpandJob
  | RecoverJob;

/** What each kind of job gives. */
export interface JobResults {
  readonly encode: EncodedParts;
  readonly pairHashes: Uint8Array<ArrayBuffer>;
  readonly batch: BatchParts;
  readonly share: undefined;
  readonly stream: undefined;
  readonly restore: undefined;
  readonly decode: Uint8Array;
  readonly roots: Uint8Array<ArrayBuffer>;
  readonly expand: ExpandedSliver;
  readonly recover: { readonly sliver: Uint8Array<ArrayBuffer>; readonly root: Uint8Array<ArrayBuffer> };
}

export type JobResult<J extends Job> = JobResults[J['kind']];

/** How a job is watched and stopped. */
export interface JobOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (fraction: number) => void;
  /** A worker has begun; not called for jobs in the calling thread. */
  readonly onStart?: () => void;
  /** A worker that had begun is not at it any more, which after an abort may be later than the rejection. */
  readonly onEnd?: () => void;
  /** Part of work that was let in before: a full queue does not refuse it. */
  readonly isAdmitted?: boolean;
}

/** Runs jobs, here or elsewhere. */
export interface JobRunner {
  /** Jobs that run at once, and whether they can work on memory shared with the calling thread. */
  readonly parallelism: { readonly threads: number; readonly sharesMemory: boolean };
  /** Rejects with the signal's reason, QUEUE_FULL, CODEC_CLOSED, OUT_OF_MEMORY or CODEC_WORKER_FAILED. */
  run<J extends Job>(job: J, options: JobOptions): Promise<JobResult<J>>;
  close(): Promise<void>;
}

/** A job as steps on a kernel. */
export function jobSteps<J extends Job>(kernel: CodeKernel, job: J): Steps<JobResult<J>> {
  return steps(kernel, job) as Steps<JobResult<J>>;
}

function steps(kernel: CodeKernel, job: Job): Steps<JobResults[keyof JobResults]> {
  if (job.kind === 'share') return shareSteps(job, { mayBlock: true });
  if (job.kind === 'stream') return streamSteps(job);
  if (job.kind === 'restore') return restoreSteps(job);
  const geometry = geometryOf(job.nShards);
  switch (job.kind) {
    case 'encode': {
      const place = workplaceOf(job.into);
      if (place !== undefined) return encodeInPlaceSteps(geometry, job.blob, place);
      return encodeSteps(kernel, geometry, job.blob, job.into);
    }
    case 'pairHashes':
      return pairHashSteps(kernel, geometry, job.blob);
    case 'batch':
      return batchSteps(kernel, geometry, job.blobs, job.wantSlivers);
    case 'decode':
      return decodeSteps(kernel, geometry, job);
    case 'roots':
      return rootSteps(kernel, geometry, job.axis, job.symbolSize, job.slivers);
    case 'expand':
      return inOneStep(() => expandSliver(kernel, geometry, job.axis, job.symbolSize, job.sliver));
    case 'recover':
      return recoverSteps(kernel, job);
  }
}

// eslint-disable-next-line require-yield -- the work is too short to be cut
function* inOneStep<T>(work: () => T): Steps<T> {
  return work();
}

function* recoverSteps(kernel: CodeKernel, job: RecoverJob): Steps<JobResults['recover']> {
  const geometry = geometryOf(job.nShards);
  const sliver = decodeSliver(kernel, geometry, job.axis, job.symbolSize, job.indices, job.symbols);
  const root = yield* rootSteps(kernel, geometry, job.axis, job.symbolSize, [sliver]);
  return { sliver, root };
}
