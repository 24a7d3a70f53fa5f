/** `floe node run`: one storage node, until it is told to stop. */
import { createLogger, createUndiciTransport } from '@floe/platform/node';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { createWorkerCodec } from '@floe/redstuff/node';
import { NODE_READY_LINE } from '../dev/node-children.ts';
import { findNodeConfig, readNodeConfig } from '../node-config.ts';
import { startNode } from '../node-process.ts';
import type { Output } from '../output.ts';
import { parseLogLevel } from '../log-level.ts';
import { untilAborted } from '../until-aborted.ts';

export interface NodeRunOptions {
  readonly config?: string;
  /** `key=value`, each overriding a setting. */
  readonly set?: readonly string[];
  readonly logLevel?: string;
  readonly withParent?: boolean;
  readonly json?: boolean;
}

export async function runNode(options: NodeRunOptions, output: Output, signal: AbortSignal): Promise<void> {
  const config = await readNodeConfig(await findNodeConfig(options.config), { env: process.env, set: options.set });
  const level = options.logLevel === undefined ? config.logLevel : parseLogLevel(options.logLevel);
  const logger = createLogger({ level });
  const codec = createWorkerCodec({});
  const transport = createUndiciTransport();
  // However it ends, what waits for the end is told, so that nothing keeps the process alive.
  const ended = new AbortController();
  const ending = AbortSignal.any([signal, ended.signal]);
  if (options.withParent === true)
    void inputClosed().then(() => ended.abort(new DOMException('interrupted', 'AbortError')));
  try {
    const bls = await createMclBls();
    const shared = { codec, bls, logger, transport };
    const node = await startNode(config, shared, { signal: ending, ofNetwork: options.withParent });
    logger.info('serving', { node: config.name, url: node.url });
    output.line(NODE_READY_LINE);
    output.resultLine({ node: config.name, url: node.url });
    try {
      await Promise.race([untilAborted(ending), node.finished]);
    } finally {
      await node.close();
    }
  } finally {
    ended.abort();
    process.stdin.destroy();
    await transport.close();
    await codec.close();
  }
}

/** Resolves when standard input ends: the parent closed it, or is gone. */
function inputClosed(): Promise<void> {
  return new Promise((closed) => {
    process.stdin.once('close', () => closed()).once('error', () => closed());
    process.stdin.resume();
  });
}
