/** `floe health`. */
import type { NetworkRedundancy, NodeCount } from '@floe/client';
import type { Output } from '../output.ts';
import { openSession } from '../session.ts';
import type { NetworkOptions } from './blob-options.ts';

export async function runHealth(options: NetworkOptions, output: Output, signal: AbortSignal): Promise<void> {
  const session = await openSession(options);
  try {
    const health = await session.client.redundancy({ signal });
    const { blobs, belowTarget, isExact, healing, unknownShards, failingNodes, nodes } = health;
    output.line(summary(health));
    for (const node of nodes) {
      const trouble = troubleOf(node);
      if (trouble !== undefined) output.line(`  ${node.name} (${node.shards} shards): ${trouble}`);
    }
    const nameOf = (id: string): string => nodes.find(({ nodeId }) => nodeId === id)?.name ?? id;
    if (failingNodes.length > 0) output.line(`failing their challenges: ${failingNodes.map(nameOf).join(', ')}`);
    output.result({
      healthy: belowTarget === 0 && unknownShards === 0 && failingNodes.length === 0,
      blobs,
      belowTarget,
      belowTargetIsExact: isExact,
      healing,
      unknownShards,
      failingNodes,
      nodes: nodes.map(({ nodeId, name, shards, redundancy }) => {
        const error = redundancy !== undefined && 'error' in redundancy ? redundancy.error.message : undefined;
        return { nodeId, name, shards, ...(error === undefined ? { redundancy } : { error }) };
      }),
    });
  } finally {
    await session.close();
  }
}

function summary({ blobs, belowTarget, isExact, healing, unknownShards }: NetworkRedundancy): string {
  if (unknownShards > 0) {
    return `nobody vouches for ${unknownShards} shards: none of the ${blobs} certified blobs is known to be at its target`;
  }
  if (belowTarget === 0) return `all ${blobs} certified blobs are whole`;
  const count = `${isExact ? '' : 'at least '}${belowTarget} of ${blobs} certified blobs below target`;
  return healing > 0 ? `${count}, healing` : count;
}

function troubleOf({ redundancy }: NodeCount): string | undefined {
  if (redundancy === undefined) return 'does not say what it lacks';
  if ('error' in redundancy) return redundancy.error.message;
  if (redundancy.count === undefined) return 'has not counted yet';
  const { incomplete } = redundancy.count;
  const { waiting, active } = redundancy.healing;
  return incomplete === 0 ? undefined : `${incomplete} blobs incomplete, ${active} being healed, ${waiting} waiting`;
}
