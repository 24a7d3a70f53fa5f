/** `floe node run --config FILE`: one storage node, until it is told to stop. */
import { resolve } from 'node:path';
import { createLogger } from '@floe/platform/node';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { createWorkerCodec } from '@floe/redstuff/node';
import { NODE_READY_LINE } from '../dev/node-children.ts';
import { readNodeConfig } from '../node-config.ts';
import { startNode } from '../node-process.ts';
import { parseLogLevel } from '../log-level.ts';
import { untilAborted } from '../until-aborted.ts';

export async function runNode(
  options: { config: string; logLevel: string; withParent?: boolean },
  signal: AbortSignal,
): Promise<void> {
  const path = resolve(options.config);
  const config = await readNodeConfig(path);
  const logger = createLogger({ level: parseLogLevel(options.logLevel) });
  const codec = createWorkerCodec({});
  try {
    const bls = await createMclBls();
    const node = await startNode(config, { codec, bls, logger }, { signal, ofNetwork: options.withParent });
    logger.info('serving', { node: config.name, url: node.url });
    process.stdout.write(`${NODE_READY_LINE}\n`);
    const ends = [untilAborted(signal), node.finished];
    if (options.withParent === true) ends.push(inputClosed());
    try {
      await Promise.race(ends);
    } finally {
      await node.close();
    }
  } finally {
    await codec.close();
  }
}

/** Resolves when standard input ends: the parent closed it, or is gone. */
function inputClosed(): Promise<void> {
  return new Promise((closed) => {
    process.stdin.once('end', () => closed()).once('error', () => closed());
    process.stdin.resume();
  });
}
