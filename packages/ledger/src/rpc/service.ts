/**
 * Services and their dispatch, free of transport: a call is a path, the bytes of one message and a signal; a reply is
 * the bytes of one message or a stream of them. gRPC-Web and native gRPC both call through this.
 *
 * The request and response codecs come from the service descriptors of the Sui SDK by reflection.
 */
import { isFloeError } from '@floe/platform';
import type { Signers } from '../signatures.ts';
import { rpcErrors } from './errors.ts';

/** What the service needs of a protobuf message type. */
export interface MessageCodec {
  readonly typeName: string;
  fromBinary(bytes: Uint8Array, options?: { readUnknownField?: boolean }): object;
  toBinary(message: object): Uint8Array;
}

/** What the service needs of a protobuf service descriptor. */
export interface ServiceDescriptor {
  readonly typeName: string;
  readonly methods: readonly {
    readonly name: string;
    readonly serverStreaming?: boolean;
    readonly clientStreaming?: boolean;
    readonly I: unknown;
    readonly O: unknown;
  }[];
}

/** What a handler knows about its call beside the request. */
export interface CallContext {
  /** Aborts when the caller is gone. */
  readonly signal: AbortSignal;
  /** Whose signatures a transaction in the request carries, when somebody on its way here has checked them. */
  readonly signers?: Signers;
}

/** Lets others have the thread for a moment; work that may take long does so between its parts. */
export type Pause = () => Promise<void>;

export type UnaryHandler = (request: never, context: CallContext) => object | Promise<object>;
export type StreamHandler = (request: never, context: CallContext) => AsyncIterable<object>;

/** A service: its descriptor and a handler for each method that is offered. */
export interface RpcService {
  readonly descriptor: ServiceDescriptor;
  readonly unary: Readonly<Record<string, UnaryHandler>>;
  readonly streams: Readonly<Record<string, StreamHandler>>;
}

export type CallReply =
  | { readonly kind: 'unary'; readonly message: Uint8Array }
  | { readonly kind: 'stream'; readonly messages: AsyncIterable<Uint8Array> };

export interface Dispatcher {
  /** Paths of the methods offered, `package.Service/Method`. */
  readonly methods: readonly string[];
  /** Whether the method at `path` answers with one message; true also of a path that names no method. */
  isUnary(path: string): boolean;
  /**
   * Calls the method at `path` with the bytes of its request message.
   * @throws RPC_UNKNOWN_METHOD, RPC_MALFORMED, and what the method's handler throws
   */
  call(path: string, message: Uint8Array, context: CallContext): Promise<CallReply>;
}

interface Route {
  readonly input: MessageCodec;
  readonly output: MessageCodec;
  readonly unary?: UnaryHandler;
  readonly stream?: StreamHandler;
}

/** A dispatcher over services. */
export function createDispatcher(services: readonly RpcService[]): Dispatcher {
  const routes = new Map<string, Route>(services.flatMap(routesOf));
  return {
    methods: [...routes.keys()],
    isUnary: (path) => routes.get(path)?.stream === undefined,
    async call(path, message, context) {
      const route = routes.get(path);
      if (route === undefined) throw rpcErrors.RPC_UNKNOWN_METHOD({ method: path });
      const request = decode(route.input, message) as never;
      if (route.stream !== undefined) {
        return { kind: 'stream', messages: encodeAll(route.output, route.stream(request, context)) };
      }
      const response = await (route.unary as UnaryHandler)(request, context);
      return { kind: 'unary', message: route.output.toBinary(response) };
    },
  };
}

function routesOf(service: RpcService): [path: string, route: Route][] {
  return service.descriptor.methods.flatMap((method): [string, Route][] => {
    const handlers = method.serverStreaming === true ? service.streams : service.unary;
    if (handlers[method.name] === undefined) return [];
    const codecs = { input: method.I as MessageCodec, output: method.O as MessageCodec };
    const route =
      method.serverStreaming === true
        ? { ...codecs, stream: service.streams[method.name] }
        : { ...codecs, unary: service.unary[method.name] };
    return [[`${service.descriptor.typeName}/${method.name}`, route]];
  });
}

function decode(codec: MessageCodec, message: Uint8Array): object {
  try {
    return codec.fromBinary(message, { readUnknownField: false });
  } catch (error) {
    if (isFloeError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw rpcErrors.RPC_MALFORMED({ what: `protobuf message ${codec.typeName}`, reason }, error);
  }
}

async function* encodeAll(codec: MessageCodec, messages: AsyncIterable<object>): AsyncIterable<Uint8Array> {
  for await (const message of messages) yield codec.toBinary(message);
}
