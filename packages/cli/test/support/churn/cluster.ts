/**
 * Storage nodes of a development network and nodes that join it later, each in a process of the test's own, to be killed, paused, wiped and
 * started again.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { LedgerClient } from '@floe/contracts';
import { mapConcurrent } from '@floe/platform';
import { type NodeId, type ObjectId, parseObjectId } from '@floe/protocol';
import { type DevProcess, freePort, NodeProcess, runFloe } from '@floe/testkit';
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { ensureKeypair } from '../../../src/keys.ts';
import type { Operator } from '../epochs/traffic.ts';

const STARTING_AT_ONCE = 4;
const PORT_TRIES = 20;
const PORT_PAUSE_MS = 1_000;

export interface ClusterNode extends Operator {
  readonly name: string;
  readonly url: string;
  /** The directory of its configuration, keys and log. */
  readonly home: string;
  readonly isRunning: boolean;
}

interface Member extends Omit<ClusterNode, 'isRunning'> {
  process: NodeProcess | undefined;
}

export class Cluster {
  readonly #dev: DevProcess;
  readonly #nodes = new Map<NodeId, Member>();

  private constructor(dev: DevProcess) {
    this.#dev = dev;
  }

  /** The nodes of a network that was started without them. */
  static async open(dev: DevProcess, ledger: LedgerClient): Promise<Cluster> {
    const cluster = new Cluster(dev);
    await mapConcurrent(dev.network.nodes, STARTING_AT_ONCE, async ({ name, nodeId: text, url }) => {
      const home = join(dev.directory, 'nodes', name);
      const keys = await ensureKeypair(join(home, 'operator.json'));
      const nodeId = parseObjectId(text);
      const process = await startProcess(name, home);
      cluster.#nodes.set(nodeId, { name, url, home, keys, nodeId, capId: await capOf(ledger, keys, nodeId), process });
    });
    return cluster;
  }

  get nodes(): ClusterNode[] {
    return [...this.#nodes.values()].map(viewOf);
  }

  of(nodeId: NodeId): ClusterNode {
    return viewOf(this.#member(nodeId));
  }

  /** The account of a node that is still to join. */
  async prepare(name: string): Promise<Ed25519Keypair> {
    const home = join(this.#dev.directory, 'nodes', name);
    await mkdir(home, { recursive: true });
    return ensureKeypair(join(home, 'operator.json'));
  }

  /**
   * Registers a prepared node with `floe node register`. It begins without stake, and is not started.
   *
   * @returns the digest of the transaction beside it
   */
  async register(name: string, ledger: LedgerClient): Promise<{ readonly node: ClusterNode; readonly digest: string }> {
    const { directory } = this.#dev;
    const home = join(directory, 'nodes', name);
    const wallet = join(home, 'operator.json');
    const keys = await ensureKeypair(wallet);
    const port = await freePort();
    const place = ['--network', join(directory, 'network.json'), '--wallet', wallet, '--keys', home, '--json'];
    const said = ['--name', name, '--address', `127.0.0.1:${port}`, '--capacity', '1TiB'];
    const result = await runFloe(['node', 'register', ...said, ...place]);
    if (result.code !== 0) throw new Error(`floe node register ended with ${result.code}: ${result.stderr}`);
    const registered = JSON.parse(result.stdout) as { nodeId: string; digest: string };
    const nodeId = parseObjectId(registered.nodeId);
    await this.#configure(home, { name, nodeId, port });
    const url = `http://127.0.0.1:${port}`;
    const capId = await capOf(ledger, keys, nodeId);
    const node: Member = { name, url, home, keys, nodeId, capId, process: undefined };
    this.#nodes.set(nodeId, node);
    return { node: viewOf(node), digest: registered.digest };
  }

  /** Ends the node's process at once, as a crash would. */
  async kill(nodeId: NodeId): Promise<void> {
    await this.#member(nodeId).process?.kill();
  }

  /** Stops the process without ending it: it accepts connections and never answers. */
  pause(nodeId: NodeId): void {
    this.#member(nodeId).process?.pause();
  }

  /** Kills the node and deletes all that it stored; its keys and configuration stay. */
  async wipe(nodeId: NodeId): Promise<void> {
    await this.#member(nodeId).process?.wipe();
  }

  /** Wakes a paused node, or starts one that is down; resolves when it serves. */
  async start(nodeId: NodeId): Promise<void> {
    const node = this.#member(nodeId);
    const { process } = node;
    if (process?.state === 'paused') process.resume();
    else if (process === undefined) node.process = await startProcess(node.name, node.home);
    else if (process.state === 'stopped') await untilPortIsFree(() => process.start());
  }

  async close(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map(async ({ process }) => process?.stop()));
  }

  #member(nodeId: NodeId): Member {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) throw new Error(`no node ${nodeId}`);
    return node;
  }

  /** The configuration of another node of the network, with this one's name and address. */
  async #configure(home: string, own: { name: string; nodeId: ObjectId; port: number }): Promise<void> {
    const [model] = this.#dev.network.nodes;
    const path = join(this.#dev.directory, 'nodes', model?.name as string, 'node.json');
    const config = JSON.parse(await readFile(path, 'utf8')) as { listen: { host: string; port: number } };
    const { name, nodeId, port } = own;
    const changed = { ...config, name, nodeId, listen: { ...config.listen, port } };
    await writeFile(join(home, 'node.json'), JSON.stringify(changed, null, 2));
  }
}

function viewOf({ process, ...node }: Member): ClusterNode {
  return { ...node, isRunning: process?.state === 'running' };
}

function startProcess(name: string, home: string): Promise<NodeProcess> {
  return untilPortIsFree(() => NodeProcess.start({ name, configFile: join(home, 'node.json'), logLevel: 'info' }));
}

/** While a node is down, the system may lend its port to somebody's connection for a while. */
async function untilPortIsFree<T>(start: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start();
    } catch (error) {
      if (!String(error).includes('PORT_IN_USE') || tries === PORT_TRIES) throw error;
      await pause(PORT_PAUSE_MS);
    }
  }
}

async function capOf(ledger: LedgerClient, keys: Ed25519Keypair, nodeId: NodeId): Promise<ObjectId> {
  for await (const cap of ledger.nodeCaps(parseObjectId(keys.toSuiAddress()))) {
    if (cap.nodeId === nodeId) return cap.id;
  }
  throw new Error(`no cap of ${nodeId}`);
}
