/**
 * One storage node as a process of its own, `floe node run`, that a test kills, pauses and robs of its disk. It ends with the test's process,
 * unless it is paused just then.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { open, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FLOE } from '../dev-process.ts';
import { type ProcessMemory, processMemory } from '../process-memory.ts';

/** What `floe node run` prints once it serves. */
const READY_LINE = 'ready';
const READY_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 15_000;

export interface NodeProcessOptions {
  readonly name: string;
  /** Its `node.json`. */
  readonly configFile: string;
  readonly logLevel?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export type NodeProcessState = 'running' | 'paused' | 'stopped';

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  paused: boolean;
}

export class NodeProcess {
  readonly name: string;
  readonly configFile: string;
  /** What it wrote to standard error, over all its runs. */
  readonly logFile: string;
  readonly #options: NodeProcessOptions;
  #running: Running | undefined;

  private constructor(options: NodeProcessOptions) {
    this.#options = options;
    this.name = options.name;
    this.configFile = options.configFile;
    this.logFile = join(dirname(options.configFile), 'node.log');
  }

  /** Starts the node; rejects, with the place of its log, when it does not come to serve. */
  static async start(options: NodeProcessOptions): Promise<NodeProcess> {
    const node = new NodeProcess(options);
    await node.start();
    return node;
  }

  get state(): NodeProcessState {
    if (this.#running === undefined) return 'stopped';
    return this.#running.paused ? 'paused' : 'running';
  }

  get pid(): number | undefined {
    return this.#running?.child.pid;
  }

  /** Starts it again; resolves when it serves. */
  async start(): Promise<void> {
    if (this.#running !== undefined) throw new Error(`${this.name} runs already`);
    const log = await open(this.logFile, 'a');
    const { configFile, logLevel = 'warn', env } = this.#options;
    const args = [FLOE, 'node', 'run', '--config', configFile, '--log-level', logLevel, '--with-parent'];
    const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', log.fd] });
    await log.close();
    const exited = new Promise<void>((resolve) => {
      const end = (): void => {
        if (this.#running?.child === child) this.#running = undefined;
        resolve();
      };
      child.once('close', end).once('error', end);
    });
    this.#running = { child, exited, paused: false };
    await this.#untilReady(child, exited);
  }

  /** Ends it with SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#running?.child.kill('SIGKILL');
    await this.#running?.exited;
  }

  /** Stops it with SIGSTOP: the kernel goes on to accept its connections, and nobody answers. */
  pause(): void {
    this.#signal('SIGSTOP', true);
  }

  resume(): void {
    this.#signal('SIGCONT', false);
  }

  /** Kills it and takes everything away that it has stored; configuration and keys stay. */
  async wipe(): Promise<void> {
    await this.kill();
    await rm(await this.dataDirectory(), { recursive: true, force: true });
  }

  /** Where it keeps what it stores. */
  async dataDirectory(): Promise<string> {
    const { dataDirectory } = JSON.parse(await readFile(this.configFile, 'utf8')) as { dataDirectory: string };
    return join(dirname(this.configFile), dataDirectory);
  }

  /** Resident memory, now and at most since it was started, in bytes; undefined when it does not run. */
  async memory(): Promise<ProcessMemory | undefined> {
    return this.pid === undefined ? undefined : await processMemory(this.pid);
  }

  /** Asks it to close, and kills it when it does not in time. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    running.child.kill('SIGTERM');
    if (running.paused) running.child.kill('SIGCONT');
    const timer = setTimeout(() => running.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await running.exited;
    clearTimeout(timer);
  }

  #signal(signal: NodeJS.Signals, paused: boolean): void {
    if (this.#running === undefined) throw new Error(`${this.name} does not run`);
    this.#running.child.kill(signal);
    this.#running.paused = paused;
  }

  async #untilReady(child: ChildProcess, exited: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const problem = await new Promise<string>((resolve) => {
      let text = '';
      child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
        if (text.length < 4096) text += chunk;
        if (text.split('\n').includes(READY_LINE)) resolve('');
      });
      timer = setTimeout(() => resolve(`did not serve in ${READY_TIMEOUT_MS} ms`), READY_TIMEOUT_MS);
      void exited.then(() => resolve('ended'));
    });
    clearTimeout(timer);
    if (problem === '') return;
    child.kill('SIGKILL');
    await exited;
    const log = await readFile(this.logFile, 'utf8').catch(() => '');
    throw new Error(`${this.name} ${problem}; the end of its log:\n${log.slice(-4_000)}`);
  }
}
