/**
 * A development network whose storage nodes are processes of the test's own, each behind a proxy that can make it fail. Ledger, faucet and
 * gateway run as `floe dev`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { mapConcurrent, type Rng } from '@floe/platform';
import { type DevProcess, type FloeRunOptions, startDev } from '../dev-process.ts';
import { FaultyProxy } from './faulty-proxy.ts';
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
  readonly process: NodeProcess;
  readonly proxy: FaultyProxy;
}

export interface ProcessNetwork {
  readonly dev: DevProcess;
  readonly nodes: readonly NetworkNode[];
  /** Ends everything; paused nodes too. Can be called twice. */
  stop(): Promise<void>;
}

/** Starts `floe dev` on `directory` with further `args`, and its nodes again, each as a child of this process behind a proxy. */
export async function startProcessNetwork(
  directory: string,
  args: readonly string[],
  modules: { readonly rng: Rng },
  options: Omit<FloeRunOptions, 'input' | 'kill'> = {},
): Promise<ProcessNetwork> {
  const dev = await startDev(directory, ['--isolate', ...args], options);
  const nodes: NetworkNode[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map(({ process }) => process.stop()));
    await Promise.all(nodes.splice(0).map(({ proxy }) => proxy.close()));
    await dev.stop();
  };
  try {
    await mapConcurrent(dev.network.nodes, STARTING_AT_ONCE, async ({ name, nodeId, region, url }) => {
      await callControl(directory, 'kill', name);
      const configFile = join(directory, 'nodes', name, 'node.json');
      const targetPort = await freePort();
      await patchNodeConfig(configFile, { listen: { host: '127.0.0.1', port: targetPort } });
      const proxy = await FaultyProxy.listen({ port: Number(new URL(url).port), targetPort }, modules);
      const process = await NodeProcess.start({ name, configFile, env: options.env });
      nodes.push({ name, nodeId, region, url, directUrl: `http://127.0.0.1:${targetPort}`, process, proxy });
    });
  } catch (error) {
    await stop();
    throw error;
  }
  nodes.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { dev, nodes, stop };
}

/** Changes fields of a node's configuration; the node reads them when it starts. */
export async function patchNodeConfig(file: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
  const config = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  await writeFile(file, `${JSON.stringify({ ...config, ...fields }, null, 2)}\n`);
}

/** What `floe dev kill|pause|resume|wipe|restore NODE` does, without a process for it. */
export async function callControl(directory: string, action: string, node: string): Promise<void> {
  const { url, token } = JSON.parse(await readFile(join(directory, 'control.json'), 'utf8')) as {
    url: string;
    token: string;
  };
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/${action}/${encodeURIComponent(node)}`, { method: 'POST', headers });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${action} ${node}: ${response.status} ${answer}`);
}

/** A port of 127.0.0.1 that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (typeof address !== 'object' || address === null) throw new Error('a listening server has no port');
  return address.port;
}
