/** The composition root of one storage node: its stores, its view of the ledger, its HTTP server. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LedgerClient } from '@floe/contracts';
import { DenyListFile, SALVAGED_TABLES, StorageNode } from '@floe/node';
import type { Logger, Metrics } from '@floe/platform';
import {
  createMetrics,
  createUndiciTransport,
  nodeFileSystem,
  openLmdbStore,
  serveHttp,
  systemClock,
  systemRng,
  systemScheduler,
} from '@floe/platform/node';
import type { Bls } from '@floe/protocol';
import type { Codec } from '@floe/redstuff';
import { lockDirectory } from './dev/lock.ts';
import { cliErrors } from './errors.ts';
import { createUndoStack } from './undo.ts';
import { CLOSE_GRACE_MS } from './limits.ts';
import { serveAdmin } from './node-admin.ts';
import type { NodeConfig } from './node-config.ts';
import { createMonitoringHandler } from './monitoring-handler.ts';
import { followCertificate, tlsIdentityOf } from './node-tls.ts';

/** The text format of Prometheus. */

/** What nodes in one process share; each is the caller's to close. */
export interface SharedModules {
  readonly codec: Codec;
  readonly bls: Bls;
  readonly logger: Logger;
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
  const { nodeId } = config;
  if (nodeId === undefined) throw cliErrors.NODE_NOT_REGISTERED({ path: config.path });
  await mkdir(config.dataDirectory, { recursive: true });
  const undo = createUndoStack();
  try {
    const tls = await tlsIdentityOf(config);
    undo.push(await lockDirectory(dirname(config.path), { ofNetwork: options.ofNetwork }));
    const metrics = createMetrics({ process: true });
    const logger = shared.logger.child({ node: config.name });
    // All that its database holds can be had again; a damaged one is begun anew.
    const repair = { salvage: SALVAGED_TABLES, logger };
    const store = await openLmdbStore({ directory: join(config.dataDirectory, 'db'), repair });
    undo.push(() => store.close());
    const ledgerClient = new LedgerClient(config.ledger, { clock: systemClock, scheduler: systemScheduler });
    const denyList = await openDenyList(config, { metrics, logger });
    if (denyList !== undefined) undo.push(() => denyList.close());
    const transport = createUndiciTransport();
    undo.push(() => transport.close());
    const node = await StorageNode.open(
      {
        directory: config.dataDirectory,
        nodeId,
        blsSecretKey: config.blsSecretKey,
        ledger: config.ledger,
        signal: options.signal,
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
        transport,
        fileSystem: nodeFileSystem,
        ledgerClient,
        ...(config.operator === undefined ? {} : { operator: { signer: config.operator, ledger: ledgerClient } }),
        clock: systemClock,
        scheduler: systemScheduler,
        rng: systemRng,
      },
    );
    undo.push(() => node.close());
    const server = await serveHttp(node.handler, { ...config.listen, http2: 'handler', tls, logger: shared.logger });
    undo.push(() => server.close(CLOSE_GRACE_MS));
    const ended = new AbortController();
    undo.push(async () => ended.abort());
    void followCertificate(config, server, { scheduler: systemScheduler, logger: shared.logger, signal: ended.signal });
    if (config.metrics !== undefined) {
      const listener = await serveHttp(createMonitoringHandler({ node, metrics, logger: shared.logger }), {
        ...config.metrics,
        logger: shared.logger,
      });
      undo.push(() => listener.close(CLOSE_GRACE_MS));
      shared.logger.info('metrics', { node: config.name, url: `${listener.url}/metrics` });
    }
    const admin = await serveAdmin({ settings: config, node, store, ledger: ledgerClient, logger: shared.logger });
    undo.push(() => admin.close());
    return { url: server.url, finished: node.finished, close: () => undo.unwind() };
  } catch (error) {
    await undo.unwind();
    throw error;
  }
}

function openDenyList(
  { denyListFile, limits }: NodeConfig,
  modules: { readonly metrics: Metrics; readonly logger: Logger },
): Promise<DenyListFile | undefined> {
  if (denyListFile === undefined) return Promise.resolve(undefined);
  const ports = { ...modules, fileSystem: nodeFileSystem, scheduler: systemScheduler };
  return DenyListFile.open({ path: denyListFile, limits }, ports);
}
