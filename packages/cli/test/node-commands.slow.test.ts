/** A storage node in its operator's hands: set up, looked after, saved, restored, drained, as the guide says. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, NodeProcess, slowSuite, startDev, temporaryDirectory } from '@floe/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Cli, createCli, EXIT } from './support/cli.ts';

const suite = slowSuite('node commands');
const GUIDE = new URL('../../../docs/OPERATING.md', import.meta.url);
const EXIT_DAMAGED = 8;
/** Each asks a process anew, which takes its time. */
const MAX_QUESTIONS = 300;

interface Status {
  readonly nodeId: string;
  readonly epoch: number;
  readonly health: { readonly shardSummary: { owned: number; ownedShardStatus: { ready: number } } };
  readonly store: { readonly slivers: number; readonly segments: number };
  readonly blobs: number;
  readonly healing: { readonly waiting: number; readonly active: number };
  readonly checkpointsBehind: number;
}

let home: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  home = await temporaryDirectory('node-commands');
});
afterEach(async () => {
  await home.remove();
});

/** Asks for the status of a node until it is as wanted. */
async function statusWhen(floe: Cli, config: string, isWanted: (status: Status) => boolean): Promise<Status> {
  let last: Status | undefined;
  for (let asked = 0; asked < MAX_QUESTIONS; asked += 1) {
    last = await floe.json<Status>(['node', 'status', '--config', config]);
    if (isWanted(last)) return last;
  }
  throw new Error(`the node did not come to be as wanted: ${JSON.stringify(last)}`);
}

const holdsItsShards = ({ health: { shardSummary } }: Status): boolean =>
  shardSummary.owned > 0 && shardSummary.ownedShardStatus.ready === shardSummary.owned;

describe('a storage node', () => {
  it('says how it is, is saved while it runs, checked, lost and restored', async () => {
    const directory = join(home.path, '.floe');
    const network = await startDev(directory, ['--isolate', '--nodes', '4', '--shards', '8']);
    const config = join(directory, 'nodes', 'node-01');
    const floe = createCli({ cwd: home.path, env: { FLOE_NETWORK: directory, HOME: home.path } });
    const store = async (name: string): Promise<string> => {
      await writeFile(join(home.path, name), suite.rng.bytes(50_000));
      const [stored] = await floe.json<{ blobId: string }[]>(['store', name, '--epochs', '5']);
      return stored?.blobId as string;
    };
    let stopped = false;
    try {
      await store('first');
      const status = await statusWhen(floe, config, ({ store: held }) => held.slivers === 4);
      expect(status).toMatchObject({ name: 'node-01', blobs: 1, failingNodes: [], healing: { active: 0 } });
      expect(holdsItsShards(status)).toBe(true);
      const text = await floe.ok(['node', 'status', '--config', config]);
      expect(text).toMatch(/shards +2 owned: 2 ready/);
      expect(text).toMatch(/blobs +1 known, 4 slivers/);
      expect(await floe.json(['node', 'gc', '--dry-run', '--config', config])).toMatchObject({
        isDryRun: true,
        slivers: 0,
      });

      expect(await floe.json(['node', 'health', '--config', config])).toMatchObject({
        healthy: true,
        probe: { ok: true },
      });

      // The way in is for the operator alone.
      const admin = join(config, 'admin.json');
      expect((await stat(admin)).mode & 0o777).toBe(0o600);
      const { url } = JSON.parse(await readFile(admin, 'utf8')) as { url: string };
      expect((await fetch(`${url}/status`)).status).toBe(401);

      await floe.fails(['node', 'verify', '--config', config], EXIT.conflict, 'DIRECTORY_IN_USE');
      await floe.ok(['node', 'backup', 'backup', '--config', config]);
      await floe.ok(['node', 'verify', '--backup', 'backup']);
      await floe.fails(['node', 'backup', 'backup', '--config', config], EXIT.conflict, 'DIRECTORY_NOT_EMPTY');
      const second = await store('second');
      await statusWhen(floe, config, ({ store: held }) => held.slivers === 8);

      expect(await network.stop()).toBe(0);
      stopped = true;
      for (const command of ['status', 'health', 'gc']) {
        await floe.fails(['node', command, '--config', config], EXIT.unavailable, 'NODE_OFFLINE');
      }
      expect(await floe.json(['node', 'verify', '--config', config])).toMatchObject({ intact: true, slivers: 8 });
      const segments = join(config, 'data', 'slivers');
      const [segment = ''] = await readdir(segments);
      const bytes = await readFile(join(segments, segment));
      bytes[200] = (bytes[200] as number) ^ 4;
      await writeFile(join(segments, segment), bytes);
      const message = await floe.fails(['node', 'verify', '--config', config], EXIT_DAMAGED, 'NODE_DAMAGED');
      expect(message).toContain('damaged in');

      // The disk is gone; what came after the backup is healed.
      await rename(config, join(home.path, 'lost'));
      await floe.ok(['node', 'restore', 'backup', config]);
      await floe.fails(['node', 'restore', 'backup', config], EXIT.conflict, 'DIRECTORY_NOT_EMPTY');
      const again = await startDev(directory, ['--isolate']);
      try {
        const restored = await statusWhen(floe, config, ({ store: held }) => held.slivers === 8);
        expect(restored).toMatchObject({ nodeId: status.nodeId, blobs: 2 });
        await floe.ok(['read', second, '-o', 'copy']);
        expect(await readFile(join(home.path, 'copy'))).toEqual(await readFile(join(home.path, 'second')));
      } finally {
        await again.stop();
      }
      expect(await floe.json(['node', 'verify', '--config', config])).toMatchObject({ intact: true, slivers: 8 });
    } finally {
      if (!stopped) await network.stop();
    }
  });

  it('is configured by one file, whose faults are all told before anything else happens', async () => {
    const floe = createCli({ cwd: home.path, env: { HOME: home.path } });
    await writeFile(join(home.path, 'node.json'), '{\n  "format": "floe-node", "version": 1,\n  "nam": "x",\n}\n');
    const message = await floe.fails(['node', 'run'], EXIT.invalid, 'CONFIG_INVALID');
    expect(message).toContain('line 3: there is no setting nam; did you mean name?');
    expect(message).toContain('ledger.url is missing: expected an address');
    expect(await readdir(home.path)).toEqual(['node.json']);
  });
});

describe('the guide for operators', () => {
  // Its epochs take longer than any share of a budget.
  it.skipIf(!suite.full)(
    'takes a node from an empty machine into a network and out again, each command as written',
    async () => {
      const blocks = await commandsOfGuide();
      const network = await startDev(join(home.path, '.floe'), [
        '--isolate',
        '--nodes',
        '4',
        '--shards',
        '8',
        '--epoch-duration',
        '30s',
      ]);
      const port = await freePort();
      const address = `127.0.0.1:${port}`;
      const variables = join(home.path, 'variables');
      const floe = createCli({ cwd: home.path, env: { FLOE_NETWORK: network.directory, HOME: home.path } });
      /** Runs the next block of the guide that has `command` in it; variables that it sets hold for those after it. */
      const follow = async (command: string): Promise<string> => {
        const at = blocks.findIndex((block) => block.includes(command));
        expect(at, `${command} comes next in the guide`).toBeGreaterThanOrEqual(0);
        const [block] = blocks.splice(0, at + 1).slice(-1);
        const script = `floe() { $FLOE "$@"; }; set -eo pipefail; cd ${home.path}; source ${variables}\n${block}\n`;
        const { code, stdout, stderr } = await floe.shell(
          `${script}declare -p ADDRESS LISTEN OPERATOR NODE > ${variables} 2>/dev/null || true`,
        );
        expect(code, `${block}\n${stderr}`).toBe(EXIT.done);
        return stdout;
      };
      let node: NodeProcess | undefined;
      try {
        // The reader's own values.
        expect(blocks.shift()).toMatch(/^export FLOE_NETWORK=.*\nADDRESS=.*\nLISTEN=/);
        await writeFile(variables, `ADDRESS=${address}\nLISTEN=${address}\nOPERATOR=\nNODE=\n`);
        expect(await follow('floe node init')).toContain('made the directory of north');
        for (const name of ['bls.key', 'network.key', 'operator.json']) {
          expect((await stat(join(home.path, 'north', name))).mode & 0o777, name).toBe(0o600);
        }
        await follow('floe faucet');
        expect(await follow('floe node register')).toContain('registered north as node 0x');
        expect(blocks.shift()).toBe('floe node run --config north');
        node = await NodeProcess.start({ name: 'north', configFile: join(home.path, 'north', 'node.json') });
        expect(await follow('floe stake')).toContain('staked 1500 WAL with north');
        await writeFile(join(home.path, 'file'), suite.rng.bytes(100_000));
        await floe.ok(['store', 'file', '--epochs', '30']);
        await statusWhen(floe, 'north', (status) => holdsItsShards(status) && status.store.slivers > 0);
        await follow('floe node gc --dry-run');
        expect(await follow('floe node backup')).toContain('is intact');
        expect(await follow('floe node restore')).toContain('restored north');
        await node.stop();
        expect(await floe.json(['node', 'verify', '--config', 'restored'])).toMatchObject({ intact: true });
        expect(await follow('floe node verify')).toContain('everything is intact');

        // The copy takes the place of the node.
        await rm(join(home.path, 'north'), { recursive: true });
        await rename(join(home.path, 'restored'), join(home.path, 'north'));
        await node.start();
        await statusWhen(floe, 'north', (status) => status.checkpointsBehind === 0 && status.store.slivers > 0);
        expect(await follow('floe node drain')).toContain('the node can be stopped');
        await node.stop();
        expect(blocks).toEqual([]);
        await floe.ok([
          'read',
          ((await floe.json<{ blobId: string }[]>(['list']))[0] as { blobId: string }).blobId,
          '-o',
          'copy',
        ]);
        expect(await readFile(join(home.path, 'copy'))).toEqual(await readFile(join(home.path, 'file')));
        // Told to end, a node ends by itself, and well.
        const bin = fileURLToPath(new URL('../bin/floe.mjs', import.meta.url));
        const run = spawn(process.execPath, [bin, 'node', 'run', '--config', join(home.path, 'north')], {
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        await once(run.stdout, 'data');
        run.kill('SIGTERM');
        expect(await once(run, 'exit')).toEqual([0, null]);
      } finally {
        await node?.stop();
        await network.stop();
      }
    },
  );
});

/** The shell commands of the guide, block by block, up to where it leaves the life of a node. */
async function commandsOfGuide(): Promise<string[]> {
  const text = await readFile(GUIDE, 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)\n```$/gms)].map(([, block]) => block as string);
}
