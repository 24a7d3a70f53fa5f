/** A storage node of a development network in this process, opened from its configuration file, serving on its port. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LedgerClient } from '@floe/contracts';
import { StorageNode, type StorageNodeConfig } from '@floe/node';
import { fromBase64, type Metrics, silentLogger } from '@floe/platform';
import {
  createUndiciTransport,
  nodeFileSystem,
  openLmdbStore,
  serveHttp,
  systemClock,
  systemRng,
  systemScheduler,
} from '@floe/platform/node';
import { type NodeId, parseObjectId } from '@floe/protocol';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { createWorkerCodec } from '@floe/redstuff/node';

interface NodeFile {
  readonly nodeId: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly ledger: { readonly url: string; readonly systemObjectId: string; readonly stakingObjectId: string };
  readonly blsKeyFile: string;
  readonly dataDirectory: string;
}

export interface OpenedNode {
  readonly node: StorageNode;
  close(): Promise<void>;
}

/** @param file its `node.json` */
export async function openNode(
  file: string,
  { limits, metrics }: { readonly limits?: StorageNodeConfig['limits']; readonly metrics: Metrics },
): Promise<OpenedNode> {
  const config = JSON.parse(await readFile(file, 'utf8')) as NodeFile;
  const ledger = {
    url: config.ledger.url,
    systemObjectId: parseObjectId(config.ledger.systemObjectId),
    stakingObjectId: parseObjectId(config.ledger.stakingObjectId),
  };
  const key = fromBase64((await readFile(resolve(file, '..', config.blsKeyFile), 'utf8')).trim()) as Uint8Array;
  const directory = resolve(file, '..', config.dataDirectory);
  const store = await openLmdbStore({ directory: join(directory, 'db') });
  const transport = createUndiciTransport();
  const codec = createWorkerCodec({});
  const node = await StorageNode.open(
    {
      peerScheme: 'http',
      directory,
      nodeId: parseObjectId(config.nodeId) as NodeId,
      blsSecretKey: key.slice(1),
      ledger,
      limits,
    },
    {
      store,
      fileSystem: nodeFileSystem,
      ledgerClient: new LedgerClient(ledger, { clock: systemClock, scheduler: systemScheduler }),
      transport,
      codec,
      bls: await createMclBls(),
      clock: systemClock,
      scheduler: systemScheduler,
      rng: systemRng,
      logger: silentLogger,
      metrics,
    },
  );
  const server = await serveHttp(node.handler, config.listen);
  return {
    node,
    async close() {
      await server.close();
      await node.close();
      await transport.close();
      await codec.close();
      await store.close();
    },
  };
}
