/** A storage node of a development network in a process of its own, and what it says of itself while shards move. */
import { join } from 'node:path';
import { mapConcurrent } from '@floe/platform';
import { type NodeId, parseObjectId } from '@floe/protocol';
import { type DevProcess, freePort, NodeProcess, patchNodeConfig } from '@floe/testkit';

const STARTING_AT_ONCE = 4;

export interface MeasuredNode {
  readonly name: string;
  readonly nodeId: NodeId;
  readonly process: NodeProcess;
  readonly metricsUrl: string;
}

/** What a node has done since it was started, and the shards it works on now. */
export interface Progress {
  readonly cpuMs: number;
  /** Bytes of slivers that came with shards from their old owners, and that had to be got in any other way. */
  readonly copiedBytes: number;
  readonly otherBytes: number;
  /** Shards that are still to be copied, and that are not known to be complete yet. */
  readonly toCopy: number;
  readonly incomplete: number;
}

/** Starts the nodes of a network that runs without them. */
export async function startNodes(dev: DevProcess): Promise<MeasuredNode[]> {
  return mapConcurrent(dev.network.nodes, STARTING_AT_ONCE, async ({ name, nodeId }) => {
    const configFile = join(dev.directory, 'nodes', name, 'node.json');
    const listen = { host: '127.0.0.1', port: await freePort() };
    await patchNodeConfig(configFile, { metrics: listen });
    const process = await NodeProcess.start({ name, configFile });
    return { name, nodeId: parseObjectId(nodeId), process, metricsUrl: `http://${listen.host}:${listen.port}/metrics` };
  });
}

export async function progressOf({ metricsUrl }: MeasuredNode): Promise<Progress> {
  const text = await (await fetch(metricsUrl)).text();
  const sumOf = (name: string, isWanted: (labels: string) => boolean = () => true): number =>
    [...text.matchAll(new RegExp(`^${name}({.*})? (\\S+)$`, 'gm'))]
      .filter(([, labels = '']) => isWanted(labels))
      .reduce((sum, [, , value]) => sum + Number(value), 0);
  const isCopied = (labels: string): boolean => labels.includes('path="transfer"');
  const shardsIn = (state: string): number => sumOf('floe_node_shards', (labels) => labels.includes(`"${state}"`));
  return {
    cpuMs: 1000 * sumOf('process_cpu_seconds_total'),
    copiedBytes: sumOf('floe_node_recovered_bytes_total', isCopied),
    otherBytes: sumOf('floe_node_recovered_bytes_total', (labels) => !isCopied(labels)),
    toCopy: shardsIn('transfer'),
    incomplete: shardsIn('transfer') + shardsIn('recovery'),
  };
}
