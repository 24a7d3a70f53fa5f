/** The composition root of one storage node: its stores, its view of the ledger, its HTTP server. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LedgerClient } from '@floe/contracts';
import { DenyListFile, NODE_LIMITS, REFUSED_FIRST_TABLES, SALVAGED_TABLES, StorageNode } from '@floe/node';
import type { HttpTransport, Logger, Metrics } from '@floe/platform';
import {
  type CopyableStore,
  createMetrics,
  nodeFileSystem,
  openLmdbStore,
  type RenderedMetrics,
  serveHttp,
  systemClock,
  systemRng,
  systemScheduler,
  type TlsIdentity,
} from '@floe/platform/node';
import type { Bls } from '@floe/protocol';
import type { Codec } from '@floe/redstuff';
import { lockDirectory } from './dev/lock.ts';
import { cliErrors } from './errors.ts';
import { createUndoStack, type UndoStack } from './undo.ts';
import { CLOSE_GRACE_MS } from './limits.ts';
import { serveAdmin } from './node-admin.ts';
import type { NodeConfig } from './node-config.ts';
import { createMonitoringHandler } from './monitoring-handler.ts';
import { followCertificate, tlsIdentityOf } from './node-tls.ts';

/** What nodes in one process share; each is the caller's to close. */
export interface SharedModules {
  readonly codec: Codec;
  readonly bls: Bls;
  readonly logger: Logger;
  /**
   * To their peers. A hundred nodes that each kept connections of their own to all others would take twenty thousand files of one process, with
   * both ends in it: as many as systems give, and whoever connects then is cut.
   */
  readonly transport: HttpTransport;
}

export interface RunningNode {
  readonly url: string;
  /** Rejects when the node cannot go on, because it can no longer follow its ledger; resolves when it is closed. */
  readonly finished: Promise<void>;
  close(): Promise<void>;
}

/** Opens the node's stores, lets it catch up with the ledger, and serves. */
export async function startNode(
  config: NodeConfig,
  shared: SharedModules,
  options: { readonly signal?: AbortSignal; readonly ofNetwork?: boolean } = {},
): Promise<RunningNode> {
  options.signal?.throwIfAborted();
  const undo = createUndoStack();
  try {
    undo.push(await lockDirectory(dirname(config.path), { ofNetwork: options.ofNetwork }));
    const opened = await openNode(config, shared, undo, options.signal);
    const url = await serveNode(config, opened, shared.logger, undo);
    return { url, finished: opened.node.finished, close: () => undo.unwind() };
  } catch (error) {
    await undo.unwind();
    throw error;
  }
}

interface OpenedNode {
  readonly node: StorageNode;
  readonly store: CopyableStore;
  readonly ledger: LedgerClient;
  readonly metrics: RenderedMetrics;
  readonly tls: TlsIdentity | undefined;
}

/** The node over what it keeps on disk, in step with the ledger; nothing is served yet. */
async function openNode(
  config: NodeConfig,
  shared: SharedModules,
  undo: UndoStack,
  signal: AbortSignal | undefined,
): Promise<OpenedNode> {
  const { nodeId } = config;
  if (nodeId === undefined) throw cliErrors.NODE_NOT_REGISTERED({ path: config.path });
  const tls = await tlsIdentityOf(config);
  await mkdir(config.dataDirectory, { recursive: true });
  const metrics = createMetrics({ process: true });
  const logger = shared.logger.child({ node: config.name });
  // All that its database holds can be had again; a damaged one is begun anew.
  const repair = { salvage: SALVAGED_TABLES, logger };
  const { databaseBytes: maxBytes } = { ...NODE_LIMITS, ...config.limits };
  const bound = { maxBytes, refusedFirst: REFUSED_FIRST_TABLES };
  const store = await openLmdbStore({ directory: join(config.dataDirectory, 'db'), bound, repair });
  undo.push(() => store.close());
  const ledger = new LedgerClient(config.ledger, { clock: systemClock, scheduler: systemScheduler });
  const denyList = await openDenyList(config, { metrics, logger });
  if (denyList !== undefined) undo.push(() => denyList.close());
  const node = await StorageNode.open(
    {
      directory: config.dataDirectory,
      nodeId,
      blsSecretKey: config.blsSecretKey,
      nextBlsSecretKey: config.nextBlsSecretKey,
      ledger: config.ledger,
      signal,
      parameters: { ...config.parameters, ...(tls === undefined ? {} : { networkPublicKey: tls.publicKey }) },
      limits: config.limits,
      peerScheme: config.plainHttpPeers ? 'http' : 'https',
    },
    {
      ...shared,
      logger,
      metrics,
      denyList,
      store,
      fileSystem: nodeFileSystem,
      ledgerClient: ledger,
      ...(config.operator === undefined ? {} : { operator: { signer: config.operator, ledger } }),
      clock: systemClock,
      scheduler: systemScheduler,
      rng: systemRng,
    },
  );
  undo.push(() => node.close());
  return { node, store, ledger, metrics, tls };
}

/** Serves the node's API, and to its operator its metrics and commands. @returns where the API is */
async function serveNode(
  config: NodeConfig,
  { node, store, ledger, metrics, tls }: OpenedNode,
  logger: Logger,
  undo: UndoStack,
): Promise<string> {
  const server = await serveHttp(node.handler, { ...config.listen, http2: 'handler', tls, logger });
  undo.push(() => server.close(CLOSE_GRACE_MS));
  const ended = new AbortController();
  undo.push(async () => ended.abort());
  void followCertificate(config, server, { scheduler: systemScheduler, logger, signal: ended.signal });
  if (config.metrics !== undefined) {
    const listener = await serveHttp(createMonitoringHandler({ node, metrics, logger }), { ...config.metrics, logger });
    undo.push(() => listener.close(CLOSE_GRACE_MS));
    logger.info('metrics', { node: config.name, url: `${listener.url}/metrics` });
  }
  const admin = await serveAdmin({ settings: config, node, store, ledger, logger });
  undo.push(() => admin.close());
  return server.url;
}

function openDenyList(
  { denyListFile, limits }: NodeConfig,
  modules: { readonly metrics: Metrics; readonly logger: Logger },
): Promise<DenyListFile | undefined> {
  if (denyListFile === undefined) return Promise.resolve(undefined);
  const ports = { ...modules, fileSystem: nodeFileSystem, scheduler: systemScheduler };
  return DenyListFile.open({ path: denyListFile, limits }, ports);
}
