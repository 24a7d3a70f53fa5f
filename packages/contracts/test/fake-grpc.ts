/** gRPC-Web services in process: a `fetch` that answers with handlers by method name. For faults no real ledger makes. */
import { concatBytes, utf8 } from '@floe/platform';
import { GrpcTypes, RpcError } from '@mysten/sui/grpc';

const SERVICES = [
  GrpcTypes.LedgerService,
  GrpcTypes.StateService,
  GrpcTypes.TransactionExecutionService,
  GrpcTypes.MovePackageService,
  GrpcTypes.SubscriptionService,
];

const STATUS: Readonly<Record<string, number>> = {
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
};

/** A handler gives a message, a stream of messages, or throws an RpcError; any other error breaks the connection. */
export type Handler = (request: never, signal: AbortSignal) => unknown;
export type Handlers = Record<string, Handler>;

export interface FakeGrpc {
  readonly fetch: typeof fetch;
  /** Names of the methods called, in order. */
  readonly called: string[];
}

export function createFakeGrpc(handlers: Handlers): FakeGrpc {
  const called: string[] = [];
  const serve = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const [serviceName, methodName] = (input instanceof Request ? input.url : input.toString())
      .split('/')
      .slice(-2) as [string, string];
    const service = SERVICES.find((candidate) => candidate.typeName === serviceName);
    const method = service?.methods.find((candidate) => candidate.name === methodName);
    if (method === undefined) throw new Error(`no method ${serviceName}/${methodName}`);
    called.push(methodName);
    const request = method.I.fromBinary(new Uint8Array(init?.body as ArrayBuffer).subarray(5));
    const signal = init?.signal ?? new AbortController().signal;
    const handler = handlers[methodName];
    const run = async (): Promise<unknown> => {
      if (handler === undefined) throw new RpcError(`no ${methodName} here`, 'UNIMPLEMENTED');
      return handler(request as never, signal);
    };
    const encode = (message: unknown) => frame(0, method.O.toBinary(method.O.create(message as never)));
    const body = method.serverStreaming
      ? streamBody(async () => (await run()) as AsyncIterable<unknown>, encode)
      : await unaryBody(run, encode, signal);
    return new Response(body, { headers: { 'content-type': 'application/grpc-web+proto' } });
  };
  return { fetch: serve, called };
}

async function unaryBody(
  run: () => Promise<unknown>,
  encode: (message: unknown) => Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  try {
    return concatBytes(encode(await Promise.race([run(), aborted])), trailer());
  } catch (error) {
    if (!(error instanceof RpcError) || signal.aborted) throw error;
    return trailer(error);
  }
}

function streamBody(
  run: () => Promise<AsyncIterable<unknown>>,
  encode: (message: unknown) => Uint8Array<ArrayBuffer>,
): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async start(controller) {
      try {
        for await (const message of await run()) controller.enqueue(encode(message));
        controller.enqueue(trailer());
        controller.close();
      } catch (error) {
        if (!(error instanceof RpcError)) return controller.error(error);
        controller.enqueue(trailer(error));
        controller.close();
      }
    },
  });
}

function trailer(error?: RpcError): Uint8Array<ArrayBuffer> {
  const status = error === undefined ? 0 : (STATUS[error.code] ?? 2);
  return frame(0x80, utf8(`grpc-status:${status}\r\ngrpc-message:${encodeURIComponent(error?.message ?? '')}\r\n`));
}

function frame(flag: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(5);
  head[0] = flag;
  new DataView(head.buffer).setUint32(1, payload.length);
  return concatBytes(head, payload);
}

/** A stream that a test feeds by hand. */
export class Feed<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  #ended: { error?: unknown } | undefined;
  #wake: () => void = () => undefined;

  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  end(error?: unknown): void {
    this.#ended = { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) yield item;
      else if (this.#ended?.error !== undefined) throw this.#ended.error as Error;
      else if (this.#ended !== undefined) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
