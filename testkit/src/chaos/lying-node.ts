/**
 * A storage node that lies: an HTTP server in front of a real one, which passes requests on and answers some of them with something else.
 * What it says is as plausible as it can be: right bytes in the wrong place, true signatures of other messages, the state of a while ago.
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Rng } from '@floe/platform';
import {
  type BatchFrame,
  createBatchDecoder,
  decodeGeneralRecoverySymbols,
  encodeBatchEnd,
  encodeBatchFrame,
  encodeGeneralRecoverySymbols,
  type GeneralRecoverySymbol,
  matchNodeRoute,
  type NodeRoute,
} from '@floe/protocol';

export const LIES = [
  'wrong slivers',
  'wrong symbols',
  'stale metadata',
  'equivocating confirmations',
  'slow drip',
  'oversized answers',
] as const;
export type Lie = (typeof LIES)[number];

/** One answer in so many is the truth, so that nobody can go by the first. */
const HONEST_SHARE = 4;
const DRIP_BYTES = 8;
const DRIP_INTERVAL_MS = 250;
/** An oversized answer ends here if nobody hangs up, which a test then sees in its memory. */
const OVERSIZE_BYTES = 512 * 1024 * 1024;
const OVERSIZE_CHUNK = Buffer.alloc(65_536, 0x5b);
/** Answers kept to be given again in the wrong place, of each kind. */
const MAX_KEPT = 32;
const MAX_FRAMES = 100_000;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export class LyingNode {
  /** How often it told each lie. */
  readonly counts: Record<Lie, number> = {
    'wrong slivers': 0,
    'wrong symbols': 0,
    'stale metadata': 0,
    'equivocating confirmations': 0,
    'slow drip': 0,
    'oversized answers': 0,
  };
  /** What it lies about now. */
  lies: readonly Lie[] = LIES;
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #rng: Rng;
  /** What the real node said first, by request. */
  readonly #first = new Map<string, Buffer>();
  /** Earlier answers, by the kind of route, with the request that they answered. */
  readonly #earlier = new Map<string, { readonly url: string; readonly body: Buffer }[]>();

  private constructor(server: Server, targetPort: number, rng: Rng) {
    this.#server = server;
    this.#targetPort = targetPort;
    this.#rng = rng;
    server.on('request', (incoming, outgoing) => {
      void this.#handle(incoming, outgoing).catch(() => outgoing.destroy());
    });
  }

  /** In front of the node that listens on `targetPort` of 127.0.0.1. */
  static async listen(options: { readonly targetPort: number }, modules: { readonly rng: Rng }): Promise<LyingNode> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
    return new LyingNode(server, options.targetPort, modules.rng);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = incoming;
    const match = matchNodeRoute(method, url);
    const route = match.kind === 'route' ? match.route : undefined;
    const answer = await this.#ask(incoming);
    const lie = route === undefined || answer.status !== 200 || method !== 'GET' ? undefined : this.#chooseLie(route);
    const body = lie === undefined ? answer.body : this.#lie(lie, route as NodeRoute, url, answer);
    if (route !== undefined && answer.status === 200 && method === 'GET') this.#keep(route, url, answer.body);
    // Somebody has to find out about a lie: the same bytes again were none.
    const isTold = lie === 'slow drip' || lie === 'oversized answers' || !body.equals(answer.body);
    if (lie !== undefined && isTold) this.counts[lie] += 1;
    const { 'content-type': type } = answer.headers;
    const headers = { ...(type === undefined ? {} : { 'content-type': type }), ...retryAfter(answer.headers) };
    if (lie === 'slow drip') return drip(outgoing, body, headers);
    if (lie === 'oversized answers') return flood(outgoing, body, headers);
    outgoing.writeHead(answer.status, { ...headers, 'content-length': body.length }).end(body);
  }

  /** The real node's answer, whole. */
  #ask(incoming: IncomingMessage): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { method, url: path, headers } = incoming;
      const forwarded = request({ host: '127.0.0.1', port: this.#targetPort, method, path, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part)).on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 502, headers: response.headers, body: Buffer.concat(parts) }),
        );
      });
      forwarded.on('error', reject);
      incoming.on('close', () => incoming.complete || forwarded.destroy());
      incoming.pipe(forwarded);
    });
  }

  #chooseLie(route: NodeRoute): Lie | undefined {
    if (this.#rng.below(HONEST_SHARE) === 0) return undefined;
    const fitting = this.lies.filter((lie) => fits(lie, route));
    // Every answer can be slow or oversized; where there is something to lie about, that comes first.
    const pointed = fitting.filter((lie) => lie !== 'slow drip' && lie !== 'oversized answers');
    const from = pointed.length > 0 && this.#rng.below(3) > 0 ? pointed : fitting;
    return from[this.#rng.below(Math.max(1, from.length))];
  }

  #lie(lie: Lie, route: NodeRoute, url: string, { body }: Answer): Buffer {
    switch (lie) {
      case 'wrong slivers':
        return route.name === 'getSliverBatch' ? this.#wrongBatch(body) : this.#wrongSliver(body);
      case 'wrong symbols':
        return route.name === 'getRecoverySymbols' ? this.#wrongSymbols(body) : this.#damaged(body);
      case 'stale metadata':
        return route.name === 'getBlobStatus'
          ? (this.#first.get(url) ?? body)
          : (this.#replayed(route.name, url) ?? this.#damaged(body));
      case 'equivocating confirmations':
        return this.#replayed(route.name, url) ?? this.#damaged(body);
      default:
        return body;
    }
  }

  /** Another one of the same size where there is one, else this one with a byte changed. */
  #wrongSliver(body: Buffer): Buffer {
    const others = (this.#earlier.get('getSliver') ?? []).filter(
      (other) => other.body.length === body.length && !other.body.equals(body),
    );
    return others[this.#rng.below(Math.max(1, others.length))]?.body ?? this.#damaged(body);
  }

  /** Slivers change places, and the last is damaged. */
  #wrongBatch(body: Buffer): Buffer {
    const decoder = createBatchDecoder({ maxSliverBytes: body.length, maxFrames: MAX_FRAMES });
    const frames: BatchFrame[] = [];
    decoder.push(body);
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame);
    const contents = frames.map((frame) => (frame.kind === 'sliver' ? frame.sliverData : undefined));
    const told = frames.map((frame, index) => {
      if (frame.kind !== 'sliver') return frame;
      const other = frames.findIndex(
        (candidate, at) => at > index && candidate.kind === 'sliver' && candidate.axis === frame.axis,
      );
      return { ...frame, sliverData: contents[other] ?? this.#damaged(Buffer.from(frame.sliverData)) };
    });
    return Buffer.concat([...told.map(encodeBatchFrame), encodeBatchEnd(told.length)]);
  }

  /** Each symbol is that of the next, with its proof: true, and of another sliver. A single one comes from an earlier answer. */
  #wrongSymbols(body: Buffer): Buffer {
    const symbols = decodeGeneralRecoverySymbols(body);
    const earlier = this.#earlier.get('getRecoverySymbols') ?? [];
    const [kept] = symbols.length > 1 ? [] : earlier.flatMap((answer) => decodeGeneralRecoverySymbols(answer.body));
    const told = symbols.map((symbol, index): GeneralRecoverySymbol => {
      const other = symbols.length > 1 ? (symbols[(index + 1) % symbols.length] as GeneralRecoverySymbol) : kept;
      if (other === undefined) return { ...symbol, data: this.#damaged(Buffer.from(symbol.data)) };
      return { ...symbol, data: other.data, proof: other.proof };
    });
    return Buffer.from(encodeGeneralRecoverySymbols(told));
  }

  /** What it answered to another request of the kind: another blob's metadata, a confirmation of another blob. */
  #replayed(kind: string, url: string): Buffer | undefined {
    const others = (this.#earlier.get(kind) ?? []).filter((answer) => answer.url !== url);
    return others[this.#rng.below(Math.max(1, others.length))]?.body;
  }

  #damaged(body: Buffer): Buffer {
    const copy = Buffer.from(body);
    const at = this.#rng.below(Math.max(1, copy.length));
    copy[at] = (copy[at] ?? 0) ^ (1 + this.#rng.below(255));
    return copy;
  }

  #keep(route: NodeRoute, url: string, body: Buffer): void {
    if (route.name === 'getBlobStatus' && !this.#first.has(url)) {
      if (this.#first.size >= MAX_KEPT * MAX_KEPT) this.#first.clear();
      this.#first.set(url, body);
    }
    const kept = this.#earlier.get(route.name) ?? [];
    kept.push({ url, body });
    if (kept.length > MAX_KEPT) kept.shift();
    this.#earlier.set(route.name, kept);
  }
}

function fits(lie: Lie, { name }: NodeRoute): boolean {
  switch (lie) {
    case 'wrong slivers':
      return name === 'getSliver' || name === 'getSliverBatch';
    case 'wrong symbols':
      return name === 'getRecoverySymbols' || name === 'getDecodingSymbols';
    case 'stale metadata':
      return name === 'getMetadata' || name === 'getBlobStatus';
    case 'equivocating confirmations':
      return name === 'getConfirmation';
    default:
      return name !== 'getHealth' && name.startsWith('get');
  }
}

function retryAfter(headers: IncomingHttpHeaders): Record<string, string> {
  const value = headers['retry-after'];
  return value === undefined ? {} : { 'retry-after': value };
}

/** A few bytes at a time, for as long as the other side waits. */
function drip(outgoing: ServerResponse, body: Buffer, headers: Record<string, string>): void {
  outgoing.writeHead(200, { ...headers, 'content-length': body.length });
  let at = 0;
  const timer = setInterval(() => {
    outgoing.write(body.subarray(at, at + DRIP_BYTES));
    at += DRIP_BYTES;
    if (at < body.length) return;
    clearInterval(timer);
    outgoing.end();
  }, DRIP_INTERVAL_MS);
  outgoing.once('close', () => clearInterval(timer));
}

/** The answer, and then more and more. */
function flood(outgoing: ServerResponse, body: Buffer, headers: Record<string, string>): void {
  outgoing.writeHead(200, headers);
  outgoing.write(body);
  let left = OVERSIZE_BYTES;
  const more = (): void => {
    while (left > 0 && !outgoing.destroyed) {
      left -= OVERSIZE_CHUNK.length;
      if (!outgoing.write(OVERSIZE_CHUNK)) {
        outgoing.once('drain', more);
        return;
      }
    }
    outgoing.end();
  };
  more();
}
