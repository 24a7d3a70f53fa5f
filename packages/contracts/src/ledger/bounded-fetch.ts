/**
 * The `fetch` under the gRPC client. It bounds each call in time and size, and says in gRPC's own terms what failed, so
 * that a broken connection and a fault inside the ledger are told apart. A unary answer is read to its end here, under
 * the call's deadline; of a stream only the headers are, since it may rightly be silent for long.
 */
import type { Scheduler } from '@floe/platform';
import { RpcError } from '@mysten/sui/grpc';
import { MAX_RESPONSE_BYTES } from '../limits.ts';

const STREAMING = /\/(?:Subscribe\w+|List(?:Checkpoints|Transactions|Events))$/;

export interface BoundedFetchOptions {
  /** Time for a call of that method (`ExecuteTransaction`). */
  readonly timeoutMs: (method: string) => number;
}

export function createBoundedFetch(
  options: BoundedFetchOptions,
  modules: { readonly fetch: typeof fetch; readonly scheduler: Scheduler },
): typeof fetch {
  return async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const timeoutMs = options.timeoutMs(url.slice(url.lastIndexOf('/') + 1));
    const scope = openScope(init?.signal ?? undefined, timeoutMs, modules.scheduler);
    try {
      const response = await modules.fetch(input, { ...init, signal: scope.signal });
      const { body, status, headers } = response;
      if (body !== null && STREAMING.test(url)) {
        // The stream goes on after the deadline of its headers, and still ends with the caller's signal.
        scope.disarm();
        return new Response(relay(body, scope), { status, headers });
      }
      const whole = await readWhole(body);
      scope.close();
      return new Response(whole, { status, headers });
    } catch (error) {
      scope.close();
      if (scope.timedOut()) throw new RpcError(`no answer within ${timeoutMs} ms`, 'DEADLINE_EXCEEDED');
      if (init?.signal?.aborted === true || error instanceof RpcError) throw error;
      throw new RpcError(describe(error), 'UNAVAILABLE');
    }
  };
}

interface CallScope {
  /** Follows the caller's signal and the deadline. */
  readonly signal: AbortSignal;
  timedOut(): boolean;
  /** Takes the deadline away. */
  disarm(): void;
  /** Lets go of the caller's signal and the deadline. */
  close(): void;
}

function openScope(parent: AbortSignal | undefined, timeoutMs: number, scheduler: Scheduler): CallScope {
  const call = new AbortController();
  const timer = new AbortController();
  let expired = false;
  const follow = () => call.abort(parent?.reason);
  if (parent?.aborted === true) follow();
  parent?.addEventListener('abort', follow, { once: true });
  scheduler.sleep(timeoutMs, timer.signal).then(
    () => {
      expired = true;
      call.abort(new RpcError(`no answer within ${timeoutMs} ms`, 'DEADLINE_EXCEEDED'));
    },
    () => undefined,
  );
  return {
    signal: call.signal,
    timedOut: () => expired,
    disarm: () => timer.abort(),
    close: () => {
      timer.abort();
      parent?.removeEventListener('abort', follow);
    },
  };
}

async function readWhole(body: ReadableStream<Uint8Array> | null): Promise<Blob | null> {
  if (body === null) return null;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = (body as ReadableStream<Uint8Array<ArrayBuffer>>).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Blob(parts);
    size += value.length;
    if (size > MAX_RESPONSE_BYTES) {
      await reader.cancel();
      throw new RpcError(`the answer is larger than ${MAX_RESPONSE_BYTES} bytes`, 'OUT_OF_RANGE');
    }
    parts.push(value);
  }
}

/** The stream, ending at once when the call is aborted, and as unavailable when its connection breaks. */
function relay(body: ReadableStream<Uint8Array>, scope: CallScope): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const cancel = (reason: unknown) => {
    scope.close();
    reader.cancel(reason).catch(() => undefined);
  };
  // Cancelling ends the read under way, whether or not the fetch below heeds the signal.
  scope.signal.addEventListener('abort', () => cancel(scope.signal.reason), { once: true });
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (scope.signal.aborted) throw scope.signal.reason;
        if (!done) return controller.enqueue(value);
        scope.close();
        controller.close();
      } catch (error) {
        cancel(error);
        controller.error(scope.signal.aborted ? error : new RpcError(describe(error), 'UNAVAILABLE'));
      }
    },
    cancel,
  });
}

/** `fetch` hides why in the cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  return cause === undefined || cause === '' ? error.message : `${error.message}: ${cause}`;
}
