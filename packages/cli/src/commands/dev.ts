/** `floe dev`: the network until it is interrupted, or, with `--once`, a check that it works. */
import { resolve } from 'node:path';
import { createLogger } from '@floe/platform/node';
import { runDemo } from '../dev/demo.ts';
import { startDevNetwork } from '../dev/network.ts';
import { parseLogLevel } from '../log-level.ts';
import type { Output } from '../output.ts';
import { untilAborted } from '../until-aborted.ts';
import type { DevOptions } from './dev-options.ts';

export async function runDev(options: DevOptions, output: Output, signal: AbortSignal): Promise<void> {
  const startMs = performance.now();
  const directory = resolve(options.dir);
  const logger = createLogger({ level: parseLogLevel(options.logLevel) });
  const progress = output.progress('floe dev');
  const network = await startDevNetwork(
    {
      directory,
      nodes: options.nodes,
      shards: options.shards,
      regions: options.regions,
      basePort: options.port,
      epochDurationMs: options.epochDuration,
      keepCheckpoints: options.keepCheckpoints,
      tls: options.tls,
      denyList: options.denyList === undefined ? undefined : resolve(options.denyList),
      isolate: options.isolate === true,
      withoutNodes: options.withoutNodes === true,
      logLevel: options.logLevel,
    },
    { logger, onProgress: (stage) => progress.update(stage), signal },
  ).finally(() => progress.done());
  try {
    const { description } = network;
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    output.line(
      `ready in ${seconds} s: ${description.nodes.length} nodes, ${description.nShards} shards, ` +
        `gateway ${description.gateway?.publisherUrl}, state in ${directory}`,
    );
    output.resultLine(description);
    if (options.demo === true || options.once === true) await runDemo(directory, network, output, signal);
    if (options.once !== true) await untilAborted(signal);
  } finally {
    await network.close();
  }
}
