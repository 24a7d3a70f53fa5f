/**
 * A development network whose storage nodes are processes of the test's own, each behind a proxy that can make it fail. Ledger, faucet and
 * gateway run as `floe dev`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { mapConcurrent, type Rng } from '@floe/platform';
import { systemRng } from '@floe/platform/node';
import { type DevProcess, type FloeRunOptions, startDev } from '../dev-process.ts';
import { FaultyProxy } from './faulty-proxy.ts';
import { LyingNode } from './lying-node.ts';
import { NodeProcess } from './node-process.ts';

const STARTING_AT_ONCE = 4;

export interface NetworkNode {
  readonly name: string;
  readonly nodeId: string;
  readonly region: string;
  /** Where everybody reaches it: through the proxy. */
  readonly url: string;
  /** Where it listens itself. */
  readonly directUrl: string;
  readonly metricsUrl: string;
  readonly process: NodeProcess;
  readonly proxy: FaultyProxy;
}

export interface ProcessNetwork {
  readonly dev: DevProcess;
  readonly nodes: readonly NetworkNode[];
  /** Ends everything; paused nodes too. Can be called twice. */
  stop(): Promise<void>;
}

/** Starts `floe dev` on `directory` with further `args`, and its nodes, each as a child of this process behind a proxy. */
export async function startProcessNetwork(
  directory: string,
  args: readonly string[],
  modules: { readonly rng: Rng },
  options: Omit<FloeRunOptions, 'input' | 'kill'> = {},
): Promise<ProcessNetwork> {
  const dev = await startDev(directory, ['--without-nodes', ...args], options);
  const nodes: NetworkNode[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map(({ process }) => process.stop()));
    await Promise.all(nodes.splice(0).map(({ proxy }) => proxy.close()));
    await dev.stop();
  };
  try {
    await mapConcurrent(dev.network.nodes, STARTING_AT_ONCE, async ({ name, nodeId, region, url }) => {
      const configFile = join(directory, 'nodes', name, 'node.json');
      const [targetPort, metricsPort] = [await freePort(), await freePort()];
      const listen = { host: '127.0.0.1', port: targetPort };
      await patchNodeConfig(configFile, { listen, metrics: { host: '127.0.0.1', port: metricsPort } });
      const proxy = await FaultyProxy.listen({ port: Number(new URL(url).port), targetPort }, modules);
      const process = await NodeProcess.start({ name, configFile, env: options.env });
      const [directUrl, metricsUrl] = [targetPort, metricsPort].map((port) => `http://127.0.0.1:${port}`) as [
        string,
        string,
      ];
      nodes.push({ name, nodeId, region, url, directUrl, metricsUrl: `${metricsUrl}/metrics`, process, proxy });
    });
  } catch (error) {
    await stop();
    throw error;
  }
  nodes.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { dev, nodes, stop };
}

/** Puts a liar between the node and everybody else. */
export async function impersonate(node: NetworkNode, modules: { readonly rng: Rng }): Promise<LyingNode> {
  const liar = await LyingNode.listen({ targetPort: Number(new URL(node.directUrl).port) }, modules);
  node.proxy.redirect(liar.port);
  return liar;
}

/** Ends what {@link impersonate} began. */
export async function unmask(node: NetworkNode, liar: LyingNode): Promise<void> {
  node.proxy.redirect(Number(new URL(node.directUrl).port));
  await liar.close();
}

/** Changes fields of a node's configuration; the node reads them when it starts. */
export async function patchNodeConfig(file: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
  const config = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  await writeFile(file, `${JSON.stringify({ ...config, ...fields }, null, 2)}\n`);
}

/** What a node counts, by name and labels as they stand in the text format: `floe_node_x_total{path="copy"}`. */
export async function nodeMetrics({ metricsUrl }: NetworkNode): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(metricsUrl);
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

/** Below the ports that systems give to outgoing connections, which would take that of a node while it is down. */
const [LOWEST_PORT, HIGHEST_PORT] = [10_000, 32_000];
const PORT_ATTEMPTS = 100;

/** A port of 127.0.0.1 that nobody listens on now, and that stays free while its server is started again. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < PORT_ATTEMPTS; attempt += 1) {
    const port = LOWEST_PORT + systemRng.below(HIGHEST_PORT - LOWEST_PORT);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port in ${PORT_ATTEMPTS} attempts`);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
