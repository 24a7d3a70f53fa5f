/**
 * Rebuilds one sliver from recovery symbols: one symbol from each of enough slivers of the other axis.
 *
 * Invariants: a symbol counts only with a Merkle proof against the metadata, so a lying node is found out at once and
 * costs nothing but its own answer; the result hashes to the metadata, or the writer is known to have cheated.
 */
import {
  type Axis,
  type DecodingSymbol,
  orthogonal,
  type Sliver,
  type SliverIndex,
  shardOfPair,
  pairOfSliver,
  symbolsPerSliver,
  type VerifiedMetadata,
} from '@floe/protocol';
import { type Codec, verifyRecoverySymbol } from '@floe/redstuff';
import type { BlobView } from './blob-view.ts';
import { type BusyCodecModules, whenNotBusy } from './busy-codec.ts';
import { clientErrors } from './errors.ts';
import { fanOut, type Verdict } from './fan-out.ts';
import type { NodeClient } from './node-client.ts';

/** Index and length prefixes of a symbol on the wire, and per proof node a tag and a digest. */
const SYMBOL_OVERHEAD_BYTES = 10;
const PROOF_NODE_BYTES = 33;

/** Bytes that rebuilding one sliver of `axis` moves: about a sliver, and a proof for each of its symbols. */
export function rebuildSize({ geometry, symbolSize }: VerifiedMetadata, axis: Axis): number {
  const proofBytes = PROOF_NODE_BYTES * Math.ceil(Math.log2(geometry.nShards));
  return symbolsPerSliver(geometry, axis) * (symbolSize + SYMBOL_OVERHEAD_BYTES + proofBytes);
}

/** Whether nodes in good standing hold enough slivers of the other axis; if not, trying costs time and finds nothing. */
export function canRebuild(view: BlobView, axis: Axis): boolean {
  const weight = view.nodes().reduce((sum, node) => sum + (node.isSuspect() ? 0 : node.weight), 0);
  return weight >= symbolsPerSliver(view.verified.geometry, axis);
}

/**
 * @throws SYMBOLS_UNAVAILABLE when too few nodes answer; INCONSISTENT_SLIVER when good symbols give a wrong sliver.
 */
export async function rebuildSliver(
  view: BlobView,
  axis: Axis,
  index: SliverIndex,
  modules: BusyCodecModules & { codec: Codec; signal: AbortSignal },
): Promise<Sliver> {
  const { verified } = view;
  const needed = symbolsPerSliver(verified.geometry, axis);
  // The node that should have had the sliver is asked last: it is the one that failed.
  const holder = view.nodeOf(axis, index);
  const nodes = view.nodes().sort((a, b) => Number(a === holder) - Number(b === holder));
  const symbols = new Map<SliverIndex, DecodingSymbol>();
  const enough = await fanOut({
    nodes,
    initial: nodesForWeight(nodes, needed),
    hedgeDelayMs: () => nodes[0]?.hedgeDelayMs(needed * verified.symbolSize) ?? 0,
    ask: (node, signal) => node.recoverySymbols(verified, axis, index, signal),
    onReply(node, replies): Verdict {
      for (const { data, index: source, proof } of replies) {
        if (!holds(view, node, orthogonal(axis), source)) continue;
        if (verifyRecoverySymbol(verified, axis, index, { index: source, data, proof })) {
          symbols.set(source, { index: source, data });
        } else node.reportMisbehaviour(`recovery symbol ${source} of ${axis} sliver ${index} fails its proof`);
      }
      if (symbols.size >= needed) return 'enough';
      return replies.length < node.weight ? 'more' : 'continue';
    },
    impatient: true,
    scheduler: modules.scheduler,
    signal: modules.signal,
  });
  if (!enough) {
    const sliver = `${axis} sliver ${index}`;
    throw clientErrors.SYMBOLS_UNAVAILABLE({ blobId: verified.blobId, sliver, found: symbols.size, needed });
  }
  const { codec, signal } = modules;
  const used = [...symbols.values()].slice(0, needed);
  return await whenNotBusy(signal, modules, () => codec.recoverSliver(verified, axis, index, used, { signal }));
}

function holds({ verified, committee }: BlobView, node: NodeClient, axis: Axis, source: SliverIndex): boolean {
  if (source >= verified.geometry.nShards) return false;
  const shard = shardOfPair(verified.geometry, verified.blobId, pairOfSliver(verified.geometry, axis, source));
  return committee.members[node.member.index]?.shards.includes(shard) === true;
}

/** How many of the first nodes hold that many shards together. */
function nodesForWeight(nodes: readonly NodeClient[], weight: number): number {
  let sum = 0;
  for (let i = 0; i < nodes.length; i += 1) {
    sum += nodes[i]?.weight ?? 0;
    if (sum >= weight) return i + 1;
  }
  return nodes.length;
}
