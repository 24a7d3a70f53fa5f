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
      if (STREAMING.test(url) || response.body === null) {
        // The stream goes on after the deadline of its headers, and still ends with the caller's signal.
        scope.disarm();
        return response;
      }
      const body = await readWhole(response);
      scope.close();
      return new Response(body, { status: response.status, headers: response.headers });
    } catch (error) {
      scope.close();
      if (scope.timedOut()) throw new RpcError(`no answer within ${timeoutMs} ms`, 'DEADLINE_EXCEEDED');
      if (init?.signal?.aborted === true || error instanceof RpcError) throw error;
      throw new RpcError(describe(error), 'UNAVAILABLE');
    }
  };
}

/** A signal that follows `parent` and the deadline. */
function openScope(parent: AbortSignal | undefined, timeoutMs: number, scheduler: Scheduler) {
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

async function readWhole(response: Response): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = (response.body as ReadableStream<Uint8Array<ArrayBuffer>>).getReader();
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

/** `fetch` hides why in the cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  return cause === undefined || cause === '' ? error.message : `${error.message}: ${cause}`;
}
