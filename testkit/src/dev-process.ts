/**
 * `floe` as a real process, for tests that kill, pause and starve it. Nothing here waits by sleeping: a network is
 * ready when it says so on standard output.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ObjectId, parseObjectId } from '@floe/protocol';

/** The command, from the checkout. */
export const FLOE = fileURLToPath(new URL('../../packages/cli/bin/floe.mjs', import.meta.url));

export interface FloeResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface FloeRunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  /** The input does not end: more could come. */
  readonly inputStaysOpen?: boolean;
  readonly signal?: AbortSignal;
  /** Sends a signal as soon as `text` stands in what the command printed on standard error. */
  readonly kill?: { readonly on: string; readonly signal: NodeJS.Signals };
}

/** Runs one command to its end. */
export async function runFloe(args: readonly string[], options: FloeRunOptions = {}): Promise<FloeResult> {
  const child = start(args, options, options.input === undefined ? 'ignore' : 'pipe');
  const output = collect(child);
  if (options.input !== undefined) child.stdin?.write(options.input);
  if (options.inputStaysOpen !== true) child.stdin?.end();
  const { kill } = options;
  if (kill !== undefined) {
    const onText = (): void => {
      if (!output.stderr.includes(kill.on)) return;
      child.stderr?.off('data', onText);
      child.kill(kill.signal);
    };
    child.stderr?.on('data', onText);
  }
  const code = await exitOf(child);
  return { code, ...output };
}

/** What `floe dev --json` prints when it is ready: `network.json`. */
export interface NetworkJson {
  readonly ledger: {
    readonly url: string;
    readonly systemObjectId: string;
    readonly stakingObjectId: string;
    readonly packageId: string;
    readonly walType: string;
  };
  readonly faucet: { readonly url: string };
  readonly gateway: { readonly aggregatorUrl: string; readonly publisherUrl: string };
  readonly nShards: number;
  readonly nodes: readonly {
    readonly name: string;
    readonly nodeId: string;
    readonly url: string;
    readonly region: string;
  }[];
}

export interface DevProcess {
  readonly directory: string;
  readonly network: NetworkJson;
  readonly pid: number;
  /** Everything printed so far. */
  readonly output: { readonly stdout: string; readonly stderr: string };
  readonly exited: Promise<number | null>;
  /** Where its ledger is, as clients take it. */
  readonly ledger: { readonly url: string; readonly systemObjectId: ObjectId; readonly stakingObjectId: ObjectId };
  /** Lets the faucet send SUI and WAL to an address; rejects with what it says when it does not. */
  fund(address: string): Promise<void>;
  /** Ends the process; resolves when it and the pipes to it are closed. Default SIGTERM. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts `floe dev --json --port 0` with further `args` on `directory`; rejects with its errors when it ends first. */
export async function startDev(
  directory: string,
  args: readonly string[] = [],
  options: Omit<FloeRunOptions, 'input' | 'kill'> = {},
): Promise<DevProcess> {
  const child = start(['dev', '--dir', directory, '--port', '0', '--json', ...args], options, 'ignore');
  const output = collect(child);
  const exited = exitOf(child);
  const network = await Promise.race([firstJson(child, output), exited.then((code) => failed(code, output))]);
  return {
    directory,
    network,
    pid: child.pid as number,
    output,
    exited,
    ledger: {
      url: network.ledger.url,
      systemObjectId: parseObjectId(network.ledger.systemObjectId),
      stakingObjectId: parseObjectId(network.ledger.stakingObjectId),
    },
    fund: (address) => fund(network.faucet.url, address),
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      return exited;
    },
  };
}

async function fund(faucetUrl: string, address: string): Promise<void> {
  const response = await fetch(faucetUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ address }),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`the faucet answered ${response.status}: ${answer}`);
}

/** A fresh directory below the system's temporary one, and the function that removes it. */
export async function temporaryDirectory(label: string): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `floe-${label}-`));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}

function start(args: readonly string[], options: FloeRunOptions, stdin: 'ignore' | 'pipe'): ChildProcess {
  const { FLOE_NETWORK: _network, FLOE_WALLET: _wallet, ...inherited } = process.env;
  return spawn(process.execPath, [FLOE, ...args], {
    cwd: options.cwd,
    env: { ...inherited, ...options.env },
    stdio: [stdin, 'pipe', 'pipe'],
    signal: options.signal,
  });
}

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  return output;
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('close', (code) => resolve(code));
    child.once('error', () => resolve(null));
  });
}

/** The first whole JSON value on standard output. */
function firstJson(child: ChildProcess, output: { readonly stdout: string }): Promise<NetworkJson> {
  return new Promise((resolve) => {
    child.stdout?.on('data', () => {
      try {
        resolve(JSON.parse(output.stdout) as NetworkJson);
      } catch {
        // Not all of it has come.
      }
    });
  });
}

function failed(code: number | null, output: FloeResult | { stdout: string; stderr: string }): never {
  throw new Error(`floe dev ended with ${code} before it was ready:\n${output.stderr}${output.stdout}`);
}
