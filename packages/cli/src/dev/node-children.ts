/**
 * Storage nodes as processes of their own: started with `floe node run`, watched, and acted on by signals. A node that
 * ends by itself stays down until it is restored, so that what happened can be looked at.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Logger, mapConcurrent } from '@floe/platform';
import { cliErrors } from '../errors.ts';
import { unwritable } from '../files.ts';
import { CLOSE_GRACE_MS, NODE_PROCESSES_STARTING_AT_ONCE, NODE_START_TIMEOUT_MS } from '../limits.ts';
import { untilAborted } from '../until-aborted.ts';
import type { NodeAction } from './node-actions.ts';
import type { devPaths } from './state.ts';

/** Printed by `floe node run` on standard output once it serves. */
export const NODE_READY_LINE = 'ready';

type NodePaths = ReturnType<ReturnType<typeof devPaths>['node']>;

interface Child {
  readonly process: ChildProcess;
  readonly exited: Promise<void>;
  paused: boolean;
}

export class NodeChildren {
  readonly #children = new Map<string, Child>();
  readonly #paths: ReadonlyMap<string, NodePaths>;
  readonly #logger: Logger;
  readonly #logLevel: string;
  /** The last action on each node, done or failed. */
  readonly #turns = new Map<string, Promise<void>>();
  #closing = false;

  constructor(options: { paths: ReadonlyMap<string, NodePaths>; logLevel: string }, modules: { logger: Logger }) {
    this.#paths = options.paths;
    this.#logLevel = options.logLevel;
    this.#logger = modules.logger;
  }

  /**
   * Starts every node; resolves when all serve.
   *
   * @throws NODE_NOT_READY, or the signal's reason; `close` then ends those that did start.
   */
  async startAll(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    // Some after others: all at once on a machine that is busy, none would be ready in its time.
    const started = mapConcurrent([...this.#paths.keys()], NODE_PROCESSES_STARTING_AT_ONCE, (name) =>
      this.#start(name),
    );
    const stop = new AbortController();
    const aborted = untilAborted(AbortSignal.any([signal, stop.signal]));
    await Promise.race([started, aborted]).finally(() => stop.abort());
    signal.throwIfAborted();
  }

  /** @throws NODE_UNKNOWN, NODE_NOT_RUNNING, NODE_RUNNING, NODE_NOT_READY */
  async act(action: NodeAction, name: string): Promise<void> {
    const paths = this.#paths.get(name);
    if (paths === undefined) {
      throw cliErrors.NODE_UNKNOWN({ node: name, known: [...this.#paths.keys()].join(', ') });
    }
    return this.#inTurn(name, async () => {
      if (action === 'restore') return this.#start(name);
      if (action !== 'wipe' && !this.#children.has(name)) throw cliErrors.NODE_NOT_RUNNING({ node: name, action });
      if (action === 'pause' || action === 'resume') return this.#pause(name, action === 'pause');
      await this.#kill(name);
      if (action === 'wipe') await rm(paths.data, { recursive: true, force: true });
    });
  }

  /** One action at a time on each node: two restores must not start two processes. */
  #inTurn(name: string, work: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(name) ?? Promise.resolve()).then(work);
    this.#turns.set(
      name,
      turn.catch(() => undefined),
    );
    return turn;
  }

  /** Asks every node to close, and ends those that do not in time. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(
      [...this.#children].map(async ([name, child]) => {
        child.process.kill('SIGTERM');
        if (child.paused) child.process.kill('SIGCONT');
        const timer = setTimeout(() => {
          this.#logger.warn('a storage node did not close in time and is ended', { node: name });
          child.process.kill('SIGKILL');
        }, CLOSE_GRACE_MS);
        await child.exited;
        clearTimeout(timer);
      }),
    );
  }

  async #start(name: string): Promise<void> {
    if (this.#children.has(name)) throw cliErrors.NODE_RUNNING({ node: name });
    const paths = this.#paths.get(name) as NodePaths;
    const log = await open(paths.log, 'a').catch((error: unknown) => Promise.reject(unwritable(paths.log, error)));
    if (this.#closing) {
      await log.close();
      throw cliErrors.NODE_NOT_READY({ node: name, detail: 'the network is closing' });
    }
    const bin = fileURLToPath(new URL('../../bin/floe.mjs', import.meta.url));
    const started = spawn(
      process.execPath,
      [bin, 'node', 'run', '--config', paths.config, '--log-level', this.#logLevel, '--with-parent'],
      // The pipe to its input closes when this process ends, however it ends: no node outlives its network.
      { stdio: ['pipe', 'pipe', log.fd] },
    );
    await log.close();
    const exited = new Promise<void>((resolve) => {
      started.once('exit', (code, signal) => {
        this.#children.delete(name);
        if (!this.#closing && code !== 0) this.#logger.warn('storage node ended', { node: name, code, signal });
        resolve();
      });
      started.once('error', () => {
        this.#children.delete(name);
        resolve();
      });
    });
    this.#children.set(name, { process: started, exited, paused: false });
    await this.#untilReady(name, started, exited, paths.log);
  }

  async #untilReady(name: string, child: ChildProcess, exited: Promise<void>, log: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const ready = new Promise<string>((resolve) => {
      let text = '';
      child.stdout?.setEncoding('utf8');
      child.stdout?.on('data', (chunk: string) => {
        // Only the first line matters; the rest is read so that the pipe never fills.
        if (text.length < 4096) text += chunk;
        if (text.split('\n')[0] === NODE_READY_LINE) resolve('');
      });
      timer = setTimeout(
        () => resolve(`no answer in ${NODE_START_TIMEOUT_MS} ms; its log is ${log}`),
        NODE_START_TIMEOUT_MS,
      );
      void exited.then(() => resolve(`it ended; its log is ${log}`));
    });
    const problem = await ready;
    clearTimeout(timer);
    if (problem !== '') throw cliErrors.NODE_NOT_READY({ node: name, detail: problem });
  }

  #pause(name: string, pause: boolean): Promise<void> {
    const child = this.#children.get(name);
    child?.process.kill(pause ? 'SIGSTOP' : 'SIGCONT');
    if (child !== undefined) child.paused = pause;
    return Promise.resolve();
  }

  async #kill(name: string): Promise<void> {
    const child = this.#children.get(name);
    if (child === undefined) return;
    child.process.kill('SIGKILL');
    await child.exited;
  }
}
