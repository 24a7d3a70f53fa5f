/**
 * `floe dev` as a user runs it: the life of a network's directory, its processes, and what is refused. Nothing here waits
 * by sleeping: a process is gone when its sockets are closed.
 */
import { execFileSync } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { runFloe, slowSuite, startDev, temporaryDirectory, type DevProcess } from '@floe/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCli, EXIT, type Cli } from './support/cli.ts';

const MIB = 1024 * 1024;
const SHAPE = ['--nodes', '4', '--shards', '10'];
/** A clean end may take as long as open requests are waited for, and a busy machine somewhat more. */
const CLOSE_MS = 15_000;

/** With a budget, what does not come to its turn in twice this file's share is left out. */
const suite = slowSuite('dev commands', 2);

let home: Awaited<ReturnType<typeof temporaryDirectory>>;
let floe: Cli;
let directories = 0;
let directory: string;

beforeAll(async () => {
  home = await temporaryDirectory('dev');
  floe = createCli({ cwd: home.path });
});
afterAll(async () => {
  await home?.remove();
});
beforeEach((context) => {
  context.skip(suite.spent(), 'the budget is spent');
  directories += 1;
  directory = join(home.path, `network-${directories}`);
});

const networkFile = (): Promise<string> => readFile(join(directory, 'network.json'), 'utf8');

async function blobIn(network: string, text: string): Promise<string> {
  const path = join(home.path, 'file.txt');
  await writeFile(path, text);
  const [stored] = await floe.json<{ blobId: string }[]>(['store', path, '--network', network]);
  return (stored as { blobId: string }).blobId;
}

async function listen(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  return server;
}

const portOf = (url: string): number => Number(new URL(url).port);

describe('a network', () => {
  it('checks itself with --once and exits 0', async () => {
    const { code, stdout, stderr } = await floe.run(['dev', '--dir', directory, '--port', '0', '--once', ...SHAPE]);
    expect(code, stderr).toBe(EXIT.done);
    const [ready, , stored] = stdout.split('\n');
    expect(ready).toMatch(/^ready in \d+\.\d s: 4 nodes, 10 shards, gateway http:\/\/127\.0\.0\.1:\d+, state in /);
    expect(stored).toMatch(/^stored +1\.00 MiB of random bytes as blob [\w-]{43}$/);
    expect(stdout).toMatch(/read +the same bytes, rebuilt from parity slivers, in \d+ ms: equal/);
    expect(stderr).toContain('floe dev: starting 4 storage nodes\n');
    expect(await readdir(directory)).not.toContain('lock');
  });

  it('of the smallest shape checks itself too, though its largest blob is smaller than the sample', async () => {
    const args = ['dev', '--dir', directory, '--port', '0', '--once', '--nodes', '1', '--shards', '4'];
    expect(await floe.ok(args)).toContain('stored   384 KiB of random bytes');
  });

  it('of the default shape stores and reads 100 MiB, to a file and through a pipe', async () => {
    const network = await startDev(directory);
    const path = join(home.path, '100 MiB');
    await writeFile(path, suite.rng.bytes(100 * MIB));
    const [stored] = await floe.json<{ blobId: string; sizeBytes: number }[]>(['store', path, '--network', directory]);
    expect(stored?.sizeBytes).toBe(100 * MIB);
    const read = `$FLOE read ${stored?.blobId} --network "${directory}"`;
    const { code, stderr } = await floe.shell(`${read} -o copy && cmp copy "${path}" && ${read} | cmp - "${path}"`);
    expect(code, stderr).toBe(EXIT.done);
    await network.stop();
  });

  it('closes cleanly when told, and goes on with the same ids, ports and blobs', async () => {
    const first = await startDev(directory, SHAPE);
    // One line of JSON, the same as the file.
    expect(first.output.stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(await networkFile())).toEqual(first.network);
    expect(first.network.nodes.map(({ name, region }) => `${name} ${region}`)).toEqual([
      'node-00 region-a',
      'node-01 region-b',
      'node-02 region-c',
      'node-03 region-d',
    ]);
    const blobId = await blobIn(directory, 'from before');
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const network = signal === 'SIGTERM' ? first : await startDev(directory);
      const startMs = performance.now();
      expect(await network.stop(signal), network.output.stderr).toBe(EXIT.done);
      expect(performance.now() - startMs).toBeLessThan(CLOSE_MS);
      expect((await readdir(directory)).filter((name) => name === 'lock' || name === 'control.json')).toEqual([]);
    }
    const again = await startDev(directory);
    expect(again.network).toEqual(first.network);
    expect(await floe.ok(['read', blobId, '--network', directory])).toBe('from before');
    await again.stop();
  });

  it('whose start was interrupted or killed at any stage starts again', async () => {
    const args = ['dev', '--dir', directory, '--port', '0', ...SHAPE];
    for (const stage of ['starting the ledger', 'starting 4 storage nodes', 'starting the gateway']) {
      const killed = await runFloe(args, { kill: { on: stage, signal: 'SIGKILL' } });
      expect(killed.code).toBeNull();
    }
    const interrupted = await runFloe([...args, '--isolate'], { kill: { on: 'storage nodes', signal: 'SIGTERM' } });
    expect([interrupted.code, interrupted.stderr.trimEnd().split('\n').at(-1)]).toEqual([
      EXIT.interrupted,
      'interrupted',
    ]);
    const network = await startDev(directory);
    const blobId = await blobIn(directory, 'whole');
    expect(await floe.ok(['read', blobId, '--network', directory])).toBe('whole');
    await network.stop();
  });
});

describe('a start is refused', () => {
  let network: DevProcess;
  let running: string;
  beforeAll(async () => {
    running = join(home.path, 'running');
    network = await startDev(running, SHAPE);
  });
  afterAll(async () => {
    await network.stop();
  });

  /** Everything that a network must not change when its start is refused. */
  async function contents(path: string): Promise<string> {
    return execFileSync('sh', ['-c', 'find . -type f ! -name "*.log" | sort | xargs sha256sum'], {
      cwd: path,
      encoding: 'utf8',
    });
  }

  it('while another one runs on the directory, which it names by its process', async () => {
    const message = await floe.fails(['dev', '--dir', running], EXIT.conflict, 'DIRECTORY_IN_USE');
    expect(message).toBe(`${running} is in use by another process of floe (${network.pid})`);
    expect(await floe.ok(['status', 'mqsrt3yTNwd5ZnDXNCSNL65SWE1iLvt2Z-KVaMMyNv0', '--network', running])).toContain(
      'not stored',
    );
  });

  it('when a port is busy, the first time and later, naming it; and works when it is free', async () => {
    const taken = await listen(0);
    const base = (taken.address() as { port: number }).port;
    const args = ['dev', '--dir', directory, '--once', ...SHAPE];
    const first = await floe.fails([...args, '--port', String(base)], EXIT.conflict, 'PORT_IN_USE');
    expect(first).toContain(`127.0.0.1:${base} is in use by another program`);
    expect(first).toContain('--port');
    // The failed attempt has not settled the ports.
    await floe.ok([...args, '--port', '0']);
    await new Promise((resolve) => taken.close(resolve));

    const { nodes } = JSON.parse(await networkFile()) as DevProcess['network'];
    const port = portOf(nodes[2]?.url ?? '');
    const again = await listen(port);
    const before = await contents(directory);
    const later = await floe.fails(args, EXIT.conflict, 'PORT_IN_USE');
    expect(later).toBe(`127.0.0.1:${port} is in use by another program; stop it, or choose another --dir`);
    expect(await contents(directory)).toBe(before);
    await new Promise((resolve) => again.close(resolve));
    await floe.ok(args);
  });

  it('on a directory of another shape, port, version or program, which stays as it was', async () => {
    await floe.ok(['dev', '--dir', directory, '--port', '0', '--once', ...SHAPE]);
    const before = await contents(directory);
    const refuse = (...args: string[]) =>
      floe.fails(['dev', '--dir', directory, '--once', ...args], EXIT.conflict, 'DIRECTORY_FOREIGN');
    expect(await refuse('--nodes', '5')).toContain('its network has 4 nodes, and 5 was asked for');
    expect(await refuse('--shards', '11')).toContain('its network has 10 shards, and 11 was asked for');
    expect(await refuse('--port', '20000')).toContain('as its first port, and 20000 was asked for');
    expect(await contents(directory)).toBe(before);

    const path = join(directory, 'dev.json');
    const state = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...state, version: 2 }));
    expect(await refuse()).toContain('its format is version 2, this Floe reads version 1');
    await writeFile(path, JSON.stringify({ name: 'something else' }));
    expect(await refuse()).toContain('not of Floe');
    await writeFile(path, JSON.stringify(state));
    await floe.ok(['dev', '--dir', directory, '--once']);

    await writeFile(join(home.path, 'a file'), '');
    const message = await floe.fails(['dev', '--dir', join(home.path, 'a file')], EXIT.invalid, 'FILE_UNWRITABLE');
    expect(message).toContain('there is a file of that name');
  });

  it('when its ledger or a node comes from another network', async () => {
    const other = join(home.path, 'other');
    await floe.ok(['dev', '--dir', directory, '--port', '0', '--once', ...SHAPE]);
    await floe.ok(['dev', '--dir', other, '--port', '0', '--once', ...SHAPE]);
    const args = ['dev', '--dir', directory, '--once'];

    const ledger = join(directory, 'ledger');
    await rename(ledger, `${ledger}.own`);
    await cp(join(other, 'ledger'), ledger, { recursive: true });
    const swapped = await floe.run([...args, '--json']);
    expect(swapped.code, swapped.stderr).toBe(EXIT.conflict);
    await rm(ledger, { recursive: true });
    await rename(`${ledger}.own`, ledger);

    const data = join(directory, 'nodes', 'node-01', 'data');
    await rename(data, `${data}.own`);
    await cp(join(other, 'nodes', 'node-01', 'data'), data, { recursive: true });
    const foreign = await floe.run([...args, '--json']);
    expect(foreign.code, foreign.stderr).toBe(EXIT.conflict);
    await rm(data, { recursive: true });
    await rename(`${data}.own`, data);
    await floe.ok(args);
  });

  it('with a ledger that ended before what its nodes have seen', async () => {
    await floe.ok(['dev', '--dir', directory, '--port', '0', '--once', ...SHAPE]);
    await rm(join(directory, 'ledger'), { recursive: true });
    const { code, stderr } = await floe.run(['dev', '--dir', directory, '--once']);
    expect(code, stderr).toBe(EXIT.conflict);
  });
});

describe('nodes in processes of their own', () => {
  let network: DevProcess;
  let isolated: string;
  beforeAll(async () => {
    isolated = join(home.path, 'isolated');
    network = await startDev(isolated, ['--isolate', ...SHAPE]);
  });
  afterAll(async () => {
    await network.stop();
  });

  const act = (action: string, node: string) => floe.ok(['dev', action, node, '--dir', isolated]);
  const refused = (action: string, node: string, code: number, error: string) =>
    floe.fails(['dev', action, node, '--dir', isolated], code, error);

  /** `up`, `down` (nobody listens) or `silent` (connects, and does not answer). */
  async function stateOf(node: string, waitMs = 20_000): Promise<'up' | 'down' | 'silent'> {
    const { url } = network.network.nodes.find(({ name }) => name === node) as { url: string };
    try {
      const response = await fetch(`${url}/v1/health`, { signal: AbortSignal.timeout(waitMs) });
      await response.arrayBuffer();
      return 'up';
    } catch (error) {
      return error instanceof Error && error.name === 'TimeoutError' ? 'silent' : 'down';
    }
  }

  it('are killed, paused, resumed, wiped and restored by name', async () => {
    const blobId = await blobIn(isolated, 'kept by the others');
    const data = join(isolated, 'nodes', 'node-01', 'data');
    expect(await stateOf('node-01')).toBe('up');
    expect(await act('kill', 'node-01')).toBe('node-01 killed\n');
    expect(await stateOf('node-01')).toBe('down');
    await act('restore', 'node-01');
    expect(await stateOf('node-01')).toBe('up');

    await act('pause', 'node-01');
    expect(await stateOf('node-01', 500)).toBe('silent');
    expect(await floe.ok(['read', blobId, '--network', isolated])).toBe('kept by the others');
    await act('resume', 'node-01');
    expect(await stateOf('node-01')).toBe('up');

    // A paused one can be killed too; `wipe` leaves keys and configuration.
    await act('pause', 'node-01');
    expect(await floe.json(['dev', 'wipe', 'node-01', '--dir', isolated])).toEqual({ node: 'node-01', action: 'wipe' });
    expect(await stateOf('node-01')).toBe('down');
    expect(await readdir(join(data, '..'))).toEqual(expect.arrayContaining(['bls.key', 'node.json']));
    expect(await readdir(join(data, '..'))).not.toContain('data');
    await act('restore', 'node-01');
    expect(await stateOf('node-01')).toBe('up');
    expect(await floe.ok(['read', blobId, '--network', isolated])).toBe('kept by the others');
  });

  it('are not acted on when that makes no sense', async () => {
    expect(await refused('kill', 'node-99', EXIT.notFound, 'NODE_UNKNOWN')).toBe(
      'there is no node node-99; the nodes are node-00, node-01, node-02, node-03',
    );
    await refused('restore', 'node-02', EXIT.conflict, 'NODE_RUNNING');
    await act('kill', 'node-02');
    await refused('kill', 'node-02', EXIT.conflict, 'NODE_NOT_RUNNING');
    await refused('pause', 'node-02', EXIT.conflict, 'NODE_NOT_RUNNING');
    // Of two that restore at once, one finds that the other has done it.
    const restores = await Promise.all([1, 2].map(() => floe.run(['dev', 'restore', 'node-02', '--dir', isolated])));
    expect(restores.map(({ code }) => code).toSorted((a, b) => Number(a) - Number(b))).toEqual([
      EXIT.done,
      EXIT.conflict,
    ]);
    expect(childrenOf(network.pid)).toHaveLength(4);
    expect(await refused('melt', 'node-02', EXIT.invalid, 'USAGE')).not.toBe('');
    const nowhere = ['dev', 'kill', 'node-02', '--dir', join(home.path, 'nowhere')];
    await floe.fails(nowhere, EXIT.unavailable, 'DEV_NOT_RUNNING');
  });

  it('need --isolate', async () => {
    const together = await startDev(directory, SHAPE);
    const message = await floe.fails(['dev', 'kill', 'node-00', '--dir', directory], EXIT.invalid, 'NOT_ISOLATED');
    expect(message).toContain('--isolate');
    expect(childrenOf(together.pid)).toEqual([]);
    await together.stop();
  });

  it('do not outlive a network that closes, or that is killed', async () => {
    let own = await startDev(directory, ['--isolate', ...SHAPE]);
    const blobId = await blobIn(directory, 'survives');
    const ended = await socketsTo(own);
    expect(await own.stop('SIGTERM')).toBe(EXIT.done);
    await ended.closed;
    // No node had to be ended by force.
    expect(own.output.stderr).toBe('');

    own = await startDev(directory, ['--isolate']);
    const pids = childrenOf(own.pid);
    expect(pids).toHaveLength(4);
    const gone = await socketsTo(own);
    await own.stop('SIGKILL');
    await gone.closed;

    // One that was paused cannot notice; the next start ends it.
    own = await startDev(directory, ['--isolate']);
    await floe.ok(['dev', 'pause', 'node-03', '--dir', directory]);
    const left = childrenOf(own.pid);
    await own.stop('SIGKILL');
    own = await startDev(directory, ['--isolate']);
    expect(await floe.ok(['read', blobId, '--network', directory])).toBe('survives');
    expect(left.filter(isRunning)).toEqual([]);
    await own.stop();
  });

  /** Opens a connection to every node; `closed` resolves when all of them are closed by the other side. */
  async function socketsTo({ network: { nodes } }: DevProcess): Promise<{ closed: Promise<unknown> }> {
    const sockets = await Promise.all(
      nodes.map(
        ({ url }) =>
          new Promise<Socket>((resolve, reject) => {
            const socket = connect(portOf(url), '127.0.0.1', () => resolve(socket)).once('error', reject);
          }),
      ),
    );
    const closed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve).resume()));
    return { closed: Promise.all(closed) };
  }
});

/** Process ids of the children of `pid`. */
function childrenOf(pid: number): number[] {
  const text = execFileSync('ps', ['-e', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' });
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, state]) => parent === String(pid) && state?.startsWith('Z') === false)
    .map(([child]) => Number(child));
}

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(execFileSync('cat', [`/proc/${pid}/status`], { encoding: 'utf8', stdio: 'pipe' }));
  } catch {
    return false;
  }
}

describe('a full disk', () => {
  it('stops stores at the reserve, and all writes at its end, while reads and deletes go on', async (context) => {
    await mkdir(directory);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', directory], { stdio: 'pipe' });
    } catch (error) {
      context.skip(`this machine does not let a test mount a small disk: ${String(error)}`);
    }
    try {
      await fillAndFree(join(directory, 'network'));
    } finally {
      execFileSync('umount', ['-l', directory]);
    }
  });

  const DISK_BYTES = 256 * MIB;
  const RESERVE_BYTES = 64 * MIB;

  async function fillAndFree(network: string): Promise<void> {
    const ballast = join(directory, 'ballast');
    await (await startDev(network, SHAPE)).stop();
    for (const name of await readdir(join(network, 'nodes'))) {
      const path = join(network, 'nodes', name, 'node.json');
      const config = JSON.parse(await readFile(path, 'utf8')) as object;
      await writeFile(path, JSON.stringify({ ...config, reserveBytes: RESERVE_BYTES }));
    }
    const running = await startDev(network);
    const kept = await blobIn(network, 'kept');
    const [first, second] = [await blobIn(network, 'first to go'), await blobIn(network, 'second to go')];
    const path = join(home.path, 'big');
    await writeFile(path, new Uint8Array(300_000).fill(7));
    const store = ['store', path, '--network', network];

    // Less than the reserve is left: no stores, but deletes.
    await fill(ballast, RESERVE_BYTES / 2);
    expect(await floe.fails(store, EXIT.unavailable, 'NOT_ENOUGH_CONFIRMATIONS')).toContain('INSUFFICIENT_STORAGE');
    expect(await floe.ok(['read', kept, '--network', network])).toBe('kept');
    await floe.ok(['delete', first, '--network', network]);

    // Nothing is left: no writes at all, and every process stays up.
    await fill(ballast, 0);
    const other = join(home.path, 'other big');
    await writeFile(other, new Uint8Array(300_000).fill(8));
    // Whether the ledger or the nodes are the first to say so depends on what room they have left in their files.
    const full = await floe.run(['store', other, '--network', network]);
    expect(full.code, full.stderr).toBe(EXIT.unavailable);
    expect(full.stderr).toMatch(/nothing was executed: .*No space left on device|INSUFFICIENT_STORAGE/);
    expect(await floe.ok(['read', kept, '--network', network])).toBe('kept');
    const deletion = await floe.run(['delete', second, '--network', network, '--json']);
    expect([EXIT.done, EXIT.unavailable], deletion.stderr).toContain(deletion.code);

    // Space comes back: all goes on, without a restart and after one.
    await rm(ballast);
    if (deletion.code !== EXIT.done) await floe.ok(['delete', second, '--network', network]);
    // The store that was refused had paid for its place, and uses it now.
    expect(await floe.json(store)).toMatchObject([{ cost: '0', operation: { kind: 'reuseRegistration' } }]);
    await floe.ok(['store', other, '--network', network]);
    expect(await floe.ok(['read', kept, '--network', network])).toBe('kept');
    expect(await running.stop()).toBe(EXIT.done);
    const again = await startDev(network);
    expect(await floe.ok(['read', kept, '--network', network])).toBe('kept');
    await floe.ok(store);
    expect(await again.stop()).toBe(EXIT.done);
  }

  /** Makes `path` as large as leaves `freeBytes` on its disk. */
  async function fill(path: string, freeBytes: number): Promise<void> {
    await rm(path, { force: true });
    const available = Number(execFileSync('df', ['--output=avail', '-B1', directory]).toString().split('\n')[1]);
    execFileSync('fallocate', ['-l', String(available - freeBytes), path]);
  }
});
