/** What nodes count, summed up without making anything look better than somebody vouches for. */
import { type BlobId, type Epoch, type NodeId, type NodeRedundancy, parseObjectId } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { type NodeCount, saidOfEpoch, sumRedundancy } from '../src/network-redundancy.ts';

const blobIds = [0, 1, 2].map((n) => `${'A'.repeat(42)}${'AEI'[n]}` as BlobId);

function node(n: number, redundancy: NodeCount['redundancy']): NodeCount {
  return { nodeId: parseObjectId(`0x${n}`) as NodeId, name: `node-${n}`, shards: 2, redundancy };
}

function counted(blobs: number, sample: readonly BlobId[], incomplete = sample.length): NodeRedundancy {
  return {
    epoch: 1 as Epoch,
    count: { ageMs: 0, blobs, incomplete, sample },
    healing: { waiting: incomplete, active: 0 },
    scrub: { passes: 1 },
    failingNodes: [],
  };
}

describe('the redundancy of a network', () => {
  it('is full when every node counted and lacks nothing', () => {
    expect(sumRedundancy([node(1, counted(5, [])), node(2, counted(5, []))])).toMatchObject({
      blobs: 5,
      belowTarget: 0,
      isExact: true,
      healing: 0,
      unknownShards: 0,
    });
  });

  it('counts a blob once, however many nodes lack something of it', () => {
    const nodes = [node(1, counted(5, blobIds.slice(0, 2))), node(2, counted(5, blobIds.slice(1, 3)))];
    expect(sumRedundancy(nodes)).toMatchObject({ belowTarget: 3, healing: 4, isExact: true });
  });

  it('is a lower bound when nodes lack more than they name', () => {
    const nodes = [node(1, counted(50, blobIds.slice(0, 1), 20)), node(2, counted(50, blobIds.slice(1, 3)))];
    expect(sumRedundancy(nodes)).toMatchObject({ belowTarget: 20, isExact: false });
  });

  it.each([
    ['cannot be asked', { error: new Error('unreachable') }],
    ['has not counted yet', { ...counted(0, []), count: undefined } as unknown as NodeRedundancy],
    ['counted for another epoch', saidOfEpoch(counted(5, []), 2 as Epoch)],
    ['does not offer to say', undefined],
  ])('is nobody’s word for the shards of a node that %s', (_what, redundancy) => {
    expect(sumRedundancy([node(1, counted(5, [])), node(2, redundancy)])).toMatchObject({
      blobs: 5,
      belowTarget: 5,
      unknownShards: 2,
    });
  });

  it('takes the word of a node that counted for the epoch of the committee', () => {
    const said = counted(5, blobIds.slice(0, 1));
    expect(saidOfEpoch(said, 1 as Epoch)).toEqual(said);
  });

  it('names the nodes that anyone sees failing', () => {
    const failing = parseObjectId('0x9') as NodeId;
    const nodes = [node(1, { ...counted(1, []), failingNodes: [failing] }), node(2, counted(1, []))];
    expect(sumRedundancy(nodes).failingNodes).toEqual([failing]);
  });
});
