/**
 * A TCP proxy in front of a server, which makes it fail as networks and machines do: it accepts and never answers, stops in the middle of an
 * answer, or resets connections. What it passes on, it passes on unchanged.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Rng } from '@floe/platform';

/**
 * `pass`: everything goes through. `black-hole`: connections are accepted, and from then on nothing goes either way, on those that are open
 * neither. `stall`: each connection gets some bytes of an answer and then none. `reset`: the same, and then it is reset.
 */
export type ProxyMode = 'pass' | 'black-hole' | 'stall' | 'reset';

/** Answers stop somewhere in their first so many bytes. */
const MAX_BYTES_BEFORE_FAULT = 100_000;

export interface FaultyProxyOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly targetPort: number;
}

const HOST = '127.0.0.1';

export class FaultyProxy {
  readonly #server: Server;
  #targetPort: number;
  readonly #rng: Rng;
  readonly #links = new Set<Link>();
  #mode: ProxyMode = 'pass';

  private constructor(server: Server, targetPort: number, rng: Rng) {
    this.#server = server;
    this.#targetPort = targetPort;
    this.#rng = rng;
    server.on('connection', (client) => this.#accept(client));
  }

  static async listen(options: FaultyProxyOptions, modules: { readonly rng: Rng }): Promise<FaultyProxy> {
    const server = createServer({ pauseOnConnect: true, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(options.port, HOST, resolve);
    });
    return new FaultyProxy(server, options.targetPort, modules.rng);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get mode(): ProxyMode {
    return this.#mode;
  }

  /** Changes what happens to all connections, open ones included. Back in `pass`, half of those that hang go on, the others are reset. */
  set(mode: ProxyMode): void {
    this.#mode = mode;
    for (const link of this.#links) {
      if (mode !== 'pass') link.allow(this.#allowance(mode));
      else if (link.isHeld && this.#rng.below(2) === 0) link.reset();
      else link.allow(Number.POSITIVE_INFINITY);
    }
  }

  /** Leads to another server from now on; connections that are open are reset. */
  redirect(targetPort: number): void {
    this.#targetPort = targetPort;
    for (const link of this.#links) link.reset();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const link of this.#links) link.reset();
    await closed;
  }

  #accept(client: Socket): void {
    const link = new Link(client, {
      targetPort: this.#targetPort,
      allowedBytes: this.#allowance(this.#mode),
      onSpent: () => {
        if (this.#mode === 'reset') link.reset();
      },
      onClose: () => this.#links.delete(link),
    });
    this.#links.add(link);
  }

  /** How many bytes of answers may still go through. */
  #allowance(mode: ProxyMode): number {
    if (mode === 'pass') return Number.POSITIVE_INFINITY;
    return mode === 'black-hole' ? 0 : this.#rng.below(MAX_BYTES_BEFORE_FAULT);
  }
}

interface LinkOptions {
  readonly targetPort: number;
  readonly allowedBytes: number;
  /** The allowed bytes are used up. */
  readonly onSpent: () => void;
  readonly onClose: () => void;
}

/** One connection through the proxy. */
class Link {
  readonly #client: Socket;
  readonly #options: LinkOptions;
  #target: Socket | undefined;
  /** Bytes of the answer that came and may not go on yet. */
  #kept: Buffer[] = [];
  #allowedBytes: number;

  constructor(client: Socket, options: LinkOptions) {
    this.#client = client;
    this.#options = options;
    this.#allowedBytes = options.allowedBytes;
    client.on('error', () => this.reset()).on('close', () => this.#end());
    if (!this.isHeld) this.#open();
  }

  get isHeld(): boolean {
    return this.#allowedBytes <= 0;
  }

  allow(bytes: number): void {
    this.#allowedBytes = bytes;
    if (this.isHeld) {
      this.#client.pause();
      this.#target?.pause();
      return;
    }
    const target = this.#target;
    if (target === undefined) return this.#open();
    const kept = this.#kept;
    this.#kept = [];
    for (const chunk of kept) this.#answer(chunk);
    if (this.isHeld) return;
    target.resume();
    this.#client.resume();
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#end();
  }

  #open(): void {
    const target = connect({ host: HOST, port: this.#options.targetPort, noDelay: true });
    this.#target = target;
    target.on('error', () => this.reset());
    target.on('data', (chunk) => this.#answer(chunk));
    target.on('end', () => this.#client.end());
    target.on('close', () => this.#client.destroy());
    target.on('drain', () => this.isHeld || this.#client.resume());
    this.#client.on('drain', () => this.isHeld || target.resume());
    this.#client.on('end', () => target.end());
    this.#client.on('data', (chunk) => {
      if (!target.write(chunk)) this.#client.pause();
    });
    this.#client.resume();
  }

  #answer(chunk: Buffer): void {
    const now = Math.max(0, Math.min(chunk.length, this.#allowedBytes));
    this.#allowedBytes -= now;
    if (now > 0 && !this.#client.write(chunk.subarray(0, now))) this.#target?.pause();
    if (now < chunk.length) this.#kept.push(chunk.subarray(now));
    if (!this.isHeld) return;
    this.#client.pause();
    this.#target?.pause();
    this.#options.onSpent();
  }

  #end(): void {
    this.#target?.destroy();
    this.#options.onClose();
  }
}
