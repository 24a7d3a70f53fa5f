/**
 * The whole blob, from as many primary slivers as decode it, encoded again: all of its slivers at once, without proofs. If the encoding
 * does not lead back to the blob id, the blob is inconsistent and nothing of it is used; symbols must show which sliver is wrong.
 */
import type { Scheduler } from '@floe/platform';
import {
  type CommitteeMember,
  decodeSliverData,
  type Epoch,
  type Sliver,
  type SliverIndex,
  sliverSize,
  sourceSymbols,
  type VerifiedMetadata,
} from '@floe/protocol';
import type { Codec, EncodedBlob } from '@floe/redstuff';
import type { CommitteeTracker } from '../committee-tracker.ts';
import type { NodeLimits } from '../limits.ts';
import { gather } from '../peers/gather.ts';
import type { Peers } from '../peers/peers.ts';
import type { SliverStore } from '../sliver-store.ts';
import type { Pace } from './pace.ts';
import { sliverSources } from './sources.ts';

export interface WholeBlobModules {
  readonly peers: Peers;
  readonly committees: CommitteeTracker;
  readonly slivers: SliverStore;
  readonly codec: Codec;
  readonly pace: Pace;
  readonly scheduler: Scheduler;
}

/** Memory that it takes: the primary slivers, the blob, and all slivers of both axes. */
export function wholeBlobMemory({ geometry, symbolSize }: VerifiedMetadata): number {
  const encoded = sourceSymbols(geometry, 'primary') * sliverSize(geometry, 'primary', symbolSize);
  const pair = sliverSize(geometry, 'primary', symbolSize) + sliverSize(geometry, 'secondary', symbolSize);
  return 2 * encoded + geometry.nShards * pair;
}

/**
 * The blob's slivers; undefined when it is inconsistent. The caller releases them.
 * @throws NOT_ENOUGH_PEERS
 */
export async function encodeWhole(
  options: {
    readonly verified: VerifiedMetadata;
    readonly since: Epoch;
    readonly limits: Pick<NodeLimits, 'peerHedgeMs'>;
    readonly signal: AbortSignal;
  },
  modules: WholeBlobModules,
): Promise<EncodedBlob | undefined> {
  const { verified, signal } = options;
  const slivers = await collectPrimaries(options, modules);
  const encoded = await encodeAgain(verified, slivers, signal, modules);
  if (encoded.verified.blobId === verified.blobId) return encoded;
  encoded.release();
  return undefined;
}

async function encodeAgain(
  { geometry, metadata }: VerifiedMetadata,
  slivers: readonly Sliver[],
  signal: AbortSignal,
  { codec, pace }: WholeBlobModules,
): Promise<EncodedBlob> {
  let encoded: EncodedBlob | undefined;
  try {
    return await pace.step(async () => {
      const blob = await codec.decode(geometry, metadata.unencodedLength, slivers, { signal });
      encoded = await codec.encode(geometry, blob, { signal });
      return encoded;
    }, signal);
  } catch (error) {
    // The signal aborted in the rest after the step.
    encoded?.release();
    throw error;
  }
}

async function collectPrimaries(
  { verified, since, limits, signal }: Parameters<typeof encodeWhole>[0],
  { peers, committees, slivers, codec, scheduler }: WholeBlobModules,
): Promise<Sliver[]> {
  const needed = sourceSymbols(verified.geometry, 'primary');
  const found = new Map<number, Sliver>();
  for (const key of slivers.keysOf(verified.blobId)) {
    if (key.axis !== 'primary' || found.size >= needed) continue;
    const bytes = await slivers.get(key).catch(() => undefined);
    if (bytes === undefined) continue;
    const sliver = decodeSliverData(bytes, 'primary');
    found.set(sliver.index, sliver);
  }
  if (found.size >= needed) return [...found.values()];
  const sources = { verified, axis: 'primary', since, known: new Set(found.keys()) } as const;
  const candidates = sliverSources(sources, { committees: committees.committees, peers });
  const fetch = async (member: CommitteeMember, items: readonly number[], until: AbortSignal): Promise<number[]> => {
    const wanted = items.map((index) => ({ axis: 'primary' as const, index: index as SliverIndex }));
    const came = await peers.slivers(member, verified, wanted, until);
    const verdicts = await codec.verifySlivers(verified, came, { signal: until });
    const good = came.filter((_, at) => verdicts[at] === 'ok');
    if (good.length < came.length) peers.lied(member, `slivers that are not of blob ${verified.blobId}`);
    for (const sliver of good) found.set(sliver.index, sliver);
    return good.map(({ index }) => index);
  };
  const what = `primary slivers of blob ${verified.blobId}`;
  const hedgeMs = limits.peerHedgeMs;
  await gather({ what, needed: needed - found.size, candidates, hedgeMs, signal }, fetch, { scheduler });
  return [...found.values()];
}
