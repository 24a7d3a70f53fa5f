/** What a job costs, roughly: enough to tell what is worth handing to a worker. */
import { type Axis, geometryOf, sourceSymbols, symbolSizeOf } from '@floe/protocol';
import type { EncodeJob, Job, PairHashesJob } from './jobs.ts';
import type { StreamJob } from './stream/encode-tasks.ts';
import type { RestoreJob } from './stream/restore-tasks.ts';
import type { ShareJob } from './team/share.ts';
import { INLINE_COMPRESSIONS, INLINE_SIZE_BYTES, JOINED_COMPRESSIONS } from './limits.ts';

/** Jobs that work on memory of their caller's, which threads may share. */
type MemoryJob = ShareJob | StreamJob | RestoreJob;

export function isOnMemory(job: Job): job is MemoryJob {
  return job.kind === 'share' || job.kind === 'stream' || job.kind === 'restore';
}

/** Whether running the job here takes less than handing it over. */
export function isCheap(job: Job): boolean {
  if (isOnMemory(job)) return false;
  return inputSize(job) <= INLINE_SIZE_BYTES && compressions(job) <= INLINE_COMPRESSIONS;
}

/** Whether the calling thread had better take part in an encode than wait for others to do it. */
export function isBrief(job: EncodeJob | PairHashesJob): boolean {
  return compressions(job) <= JOINED_COMPRESSIONS;
}

function inputSize(job: Exclude<Job, MemoryJob>): number {
  switch (job.kind) {
    case 'encode':
    case 'pairHashes':
      return job.blob.length;
    case 'batch':
      return totalSize(job.blobs);
    case 'decode':
    case 'roots':
      return totalSize(job.slivers);
    case 'expand':
      return job.sliver.length;
    case 'recover':
      return totalSize(job.symbols);
  }
}

function totalSize(arrays: readonly Uint8Array[]): number {
  return arrays.reduce((sum, { length }) => sum + length, 0);
}

/** Hash compressions, or transforms counted as such. */
function compressions(job: Exclude<Job, MemoryJob>): number {
  const { nShards } = job;
  switch (job.kind) {
    case 'encode':
    case 'pairHashes':
      return encodeCompressions(nShards, job.blob);
    case 'batch':
      return job.blobs.reduce((sum, blob) => sum + encodeCompressions(nShards, blob), 0);
    case 'decode':
      return (transformsPerSymbol(nShards, job.axis) * totalSize(job.slivers)) / 128;
    case 'roots':
      return job.slivers.length * nShards * (perSymbol(job.symbolSize) + 1);
    case 'expand':
      return nShards * (perSymbol(job.symbolSize) + 1);
    case 'recover':
      return nShards * (perSymbol(job.symbolSize) + 1) + transformsPerSymbol(nShards, job.axis) * nShards;
  }
}

function encodeCompressions(nShards: number, blob: Uint8Array): number {
  return nShards * nShards * (perSymbol(symbolSizeOf(geometryOf(nShards), blob.length)) + 2);
}

/** Blocks of a leaf hash: the symbol and its prefix byte. */
function perSymbol(symbolSize: number): number {
  return Math.ceil((symbolSize + 1) / 128);
}

/** Decoding passes over four times as many points as there are source symbols, in about log2 layers of them. */
function transformsPerSymbol(nShards: number, axis: Axis): number {
  return (4 * Math.log2(2 * sourceSymbols(geometryOf(nShards), axis))) / 16;
}
