/**
 * Blobs that the operator does not want to serve, named by a file: one blob id a line, or a YAML list of them, with
 * comments after `#` (Walrus node rules: blocklist). It is read again while the node runs.
 *
 * Invariants:
 * - A node does not start with a list that it cannot read whole: that would serve what should not be served.
 * - A list that cannot be read later changes nothing: the one read last stays in force, and the log says so.
 */
import { type FileSystem, type Gauge, isFloeError, type Logger, type Metrics, type Scheduler } from '@floe/platform';
import { type BlobId, parseBlobId } from '@floe/protocol';
import { errors } from './errors.ts';
import { defaultLimits, type NodeLimits } from './limits.ts';

/** Blobs whose data this node neither takes nor gives out. */
export interface DenyList {
  has(blobId: BlobId): boolean;
}

export const NOTHING_DENIED: DenyList = { has: () => false };

export interface DenyListFileOptions {
  readonly path: string;
  readonly limits?: Partial<Pick<NodeLimits, 'denyListBytes' | 'denyListReloadMs'>>;
}

export interface DenyListFileModules {
  readonly fileSystem: FileSystem;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export class DenyListFile implements DenyList {
  readonly #path: string;
  readonly #limits: Pick<NodeLimits, 'denyListBytes' | 'denyListReloadMs'>;
  readonly #modules: DenyListFileModules;
  readonly #size: Gauge;
  readonly #stop = new AbortController();
  #denied: ReadonlySet<BlobId> = new Set();
  #change: string | undefined;
  #watching: Promise<void> = Promise.resolve();

  /** Reads the file and goes on looking at it. @throws FILE_NOT_FOUND, IO_FAILED, DENY_LIST_INVALID */
  static async open(options: DenyListFileOptions, modules: DenyListFileModules): Promise<DenyListFile> {
    const list = new DenyListFile(options, modules);
    await list.#read();
    list.#watching = list.#watch(list.#stop.signal);
    return list;
  }

  private constructor(options: DenyListFileOptions, modules: DenyListFileModules) {
    this.#path = options.path;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#modules = modules;
    this.#size = modules.metrics.gauge({ name: 'floe_node_denied_blobs', help: "Blobs on the operator's deny list." });
  }

  has(blobId: BlobId): boolean {
    return this.#denied.has(blobId);
  }

  /** Stops looking at the file. Can be called twice. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the deny list was closed'));
    await this.#watching;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { scheduler, logger } = this.#modules;
    while (!signal.aborted) {
      await scheduler.sleep(this.#limits.denyListReloadMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.#read().catch((error: unknown) => {
        if (!isFloeError(error)) throw error;
        logger.error('the deny list cannot be read; the one read before stays in force', { error });
      });
    }
  }

  /** Takes over what the file says, if it has changed. */
  async #read(): Promise<void> {
    const path = this.#path;
    const { fileSystem, logger } = this.#modules;
    const file = await fileSystem.open(path, 'read');
    try {
      const change = await file.lastChange();
      if (change === this.#change) return;
      const bytes = await file.size();
      if (bytes > this.#limits.denyListBytes) {
        const reason = `it has ${bytes} bytes, more than ${this.#limits.denyListBytes}`;
        throw errors.DENY_LIST_INVALID({ path, reason });
      }
      const contents = new Uint8Array(bytes);
      const read = await file.read(contents, 0);
      this.#denied = parseDenyList(path, new TextDecoder().decode(contents.subarray(0, read)));
      this.#change = change;
    } finally {
      await file.close();
    }
    this.#size.set(this.#denied.size);
    logger.info('the deny list was read', { path, blobs: this.#denied.size });
  }
}

/** @throws DENY_LIST_INVALID naming the line */
export function parseDenyList(path: string, text: string): ReadonlySet<BlobId> {
  const denied = new Set<BlobId>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const item = line.replace(/(^|\s)#.*$/, '').trim();
    // A YAML document may begin with a mark, and an empty list be written in one line.
    if (item === '' || item === '---' || item === '[]') continue;
    const named = /^(?:-\s+)?(["']?)([\w-]+)\1$/.exec(item)?.[2];
    const blobId = named === undefined ? undefined : blobIdOrNothing(named);
    if (blobId === undefined) {
      throw errors.DENY_LIST_INVALID({ path, reason: `line ${index + 1} is no blob id: ${item.slice(0, 80)}` });
    }
    denied.add(blobId);
  }
  return denied;
}

function blobIdOrNothing(text: string): BlobId | undefined {
  try {
    return parseBlobId(text);
  } catch (error) {
    if (isFloeError(error, 'INVALID_BLOB_ID')) return undefined;
    throw error;
  }
}
