/** Ports as the streaming codec calls them: every failure is typed, and after an abort it is the signal's reason. */
import { type FloeError, isFloeError } from '@floe/platform';
import { errors } from '../errors.ts';
import type { BlobSource, Scratch, SliverRun, SliverSink, StoredSliver } from './ports.ts';

async function guarded(
  signal: AbortSignal | undefined,
  action: () => Promise<void> | undefined,
  failed: (reason: string, cause: unknown) => FloeError,
): Promise<void> {
  signal?.throwIfAborted();
  try {
    await action();
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    if (isFloeError(error)) throw error;
    throw failed(error instanceof Error ? error.message : String(error), error);
  }
}

export async function readSource(
  source: BlobSource,
  offset: number,
  into: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const options = signal === undefined ? {} : { signal };
  await guarded(
    signal,
    () => source.read(offset, into, options),
    (reason, cause) => errors.SOURCE_FAILED({ offset, sizeBytes: into.length, reason }, cause),
  );
}

export async function checkSource(source: BlobSource, signal: AbortSignal | undefined): Promise<void> {
  const options = signal === undefined ? {} : { signal };
  await guarded(
    signal,
    () => source.check?.(options),
    (reason, cause) => errors.SOURCE_FAILED({ offset: 0, sizeBytes: source.sizeBytes, reason }, cause),
  );
}

export async function writeSink(sink: SliverSink, run: SliverRun, signal: AbortSignal | undefined): Promise<void> {
  const { axis, index } = run;
  const options = signal === undefined ? {} : { signal };
  await guarded(
    signal,
    () => sink.write(run, options),
    (reason, cause) => errors.SINK_FAILED({ axis, index, reason }, cause),
  );
}

export async function readSliver(
  sliver: StoredSliver,
  offset: number,
  into: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  await guarded(
    signal,
    () => sliver.read(offset, into),
    (reason, cause) => {
      const operation = `reading ${sliver.axis} sliver ${sliver.index} from`;
      return errors.SCRATCH_FAILED({ operation, reason }, cause);
    },
  );
}

/** A scratch of which nothing is under way when it is used after an abort. */
export function guardedScratch(scratch: Scratch, signal: AbortSignal | undefined): Scratch {
  const failed = (operation: string) => (reason: string, cause: unknown) =>
    errors.SCRATCH_FAILED({ operation, reason }, cause);
  return {
    write: (offset, data) => guarded(signal, () => scratch.write(offset, data), failed('writing')),
    read: (offset, into) => guarded(signal, () => scratch.read(offset, into), failed('reading')),
    close: () => guarded(undefined, () => scratch.close(), failed('closing')),
  };
}
