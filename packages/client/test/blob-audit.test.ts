/** An audit counts what nodes prove, and nothing else. */
import { seededRng } from '@floe/platform/memory';
import type { BlobId } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { createTestNetwork, type TestNetwork } from './support/network.ts';

const N_SHARDS = 10;

async function stored(): Promise<{ net: TestNetwork; blobId: BlobId }> {
  const net = await createTestNetwork({ nShards: N_SHARDS, nodes: 5 });
  const blob = seededRng(1).bytes(5000);
  const { blobId } = await net.run(net.client.store(blob, { epochs: 3, signer: net.signer, tail: 'wait' }));
  return { net, blobId };
}

describe('an audit', () => {
  it('finds every sliver of a healthy blob', async () => {
    const { net, blobId } = await stored();
    const audit = await net.run(net.client.audit(blobId));
    expect(audit).toMatchObject({ target: 20, proven: { primary: 10, secondary: 10 }, spareShards: 6 });
    expect(audit.nodes.every(({ owed, proven, reason }) => owed === proven && reason === undefined)).toBe(true);
  });

  it('does not count slivers that are gone, nor nodes that are, and names them', async () => {
    const { net, blobId } = await stored();
    const [forgetful, dead] = net.nodes;
    if (forgetful === undefined || dead === undefined) throw new Error('two nodes are needed');
    const held = forgetful.held.get(blobId);
    const gone = [...(held?.slivers.keys() ?? [])].slice(0, 1);
    for (const key of gone) held?.slivers.delete(key);
    net.kill([dead]);
    const audit = await net.run(net.client.audit(blobId));
    const lost = 1 + 2 * dead.member.shards.length;
    expect(audit.proven.primary + audit.proven.secondary).toBe(20 - lost);
    const short = audit.nodes.filter(({ owed, proven }) => proven < owed).map(({ nodeId }) => nodeId);
    expect(short.toSorted()).toEqual([forgetful.member.nodeId, dead.member.nodeId].toSorted());
    expect(audit.nodes.every(({ owed, proven, reason }) => (reason === undefined) === (owed === proven))).toBe(true);
  });

  it('does not believe a node whose slivers are not those of the blob', async () => {
    const { net, blobId } = await stored();
    const [liar] = net.nodes;
    if (liar === undefined) throw new Error('a node is needed');
    for (const { data } of liar.held.get(blobId)?.slivers.values() ?? []) data.set(data.map((byte) => byte ^ 1));
    const audit = await net.run(net.client.audit(blobId));
    expect(audit.nodes.find(({ nodeId }) => nodeId === liar.member.nodeId)?.proven).toBe(0);
    expect(audit.proven).toEqual({
      primary: 10 - liar.member.shards.length,
      secondary: 10 - liar.member.shards.length,
    });
  });

  it('says that a blob cannot be read when too little is left', async () => {
    const { net, blobId } = await stored();
    let left = N_SHARDS;
    for (const node of net.nodes) {
      if (left < 4) break;
      net.kill([node]);
      left -= node.member.shards.length;
    }
    // Its metadata are known to this client already.
    const audit = await net.run(net.client.audit(blobId));
    expect(audit.spareShards).toBe(left - 4);
    expect(audit.spareShards).toBeLessThan(0);
  });
});
