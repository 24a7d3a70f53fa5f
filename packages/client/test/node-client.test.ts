/** Calls to one node: batches or not, answers of every kind, how each is remembered. */
import { streamResponse } from '@floe/platform';
import { seededRng } from '@floe/platform/memory';
import type { BlobId, VerifiedMetadata } from '@floe/protocol';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../src/limits.ts';
import type { NodeClient } from '../src/node-client.ts';
import { NodePool } from '../src/node-pool.ts';
import type { FakeNode } from './support/fake-node.ts';
import { createTestNetwork, type TestNetwork } from './support/network.ts';

const { signal } = new AbortController();

async function holding(): Promise<{ net: TestNetwork; node: NodeClient; blobId: BlobId; verified: VerifiedMetadata }> {
  const net = await createTestNetwork({ nShards: 10, nodes: 3 });
  const blob = seededRng(3).bytes(5_000);
  const { blobId } = await net.run(net.client.store(blob, { epochs: 1, signer: net.signer, tail: 'wait' }));
  const verified = net.nodes[0]?.held.get(blobId)?.verified as VerifiedMetadata;
  const pool = new NodePool({ scheme: 'http', limits: DEFAULT_LIMITS }, { transport: net.transport, clock: net.time });
  return { net, node: pool.clientOf(net.committee.members[0] as never), blobId, verified };
}

/** Indices of the primary slivers that node 0 holds. */
function heldBy(net: TestNetwork, blobId: BlobId): number[] {
  const slivers = [...(net.nodes[0]?.held.get(blobId)?.slivers.values() ?? [])];
  return slivers.filter(({ axis }) => axis === 'primary').map(({ index }) => index);
}

describe('a node client', () => {
  test('asks once what the node offers, and reads many slivers in one request', async () => {
    const { net, node, blobId, verified } = await holding();
    const [server] = net.nodes;
    const before = server?.requests.get('getCapabilities') ?? 0;
    for (let i = 0; i < 3; i += 1) {
      const got: number[] = [];
      const calls = {
        signal,
        onSliver: ({ index }: { index: number }) => got.push(index),
        onMissing: () => undefined,
        onBytes: () => undefined,
      };
      await net.run(node.slivers(verified, 'primary', heldBy(net, blobId) as never, calls));
      expect(new Set(got)).toEqual(new Set(heldBy(net, blobId)));
    }
    expect((server?.requests.get('getCapabilities') ?? 0) - before).toBe(1);
    expect(server?.requests.get('getSliverBatch')).toBe(3);
  });

  test('tells of each sliver that the node does not give why', async () => {
    const { net, node, verified } = await holding();
    const missing = new Map<number, unknown>();
    const calls = {
      signal,
      onSliver: () => undefined,
      onMissing: (index: number, error: unknown) => missing.set(index, error),
      onBytes: () => undefined,
    };
    (net.nodes[0] as { faults: { forgets?: boolean } }).faults.forgets = true;
    await net.run(node.slivers(verified, 'primary', [0, 1] as never, calls));
    for (const index of [0, 1])
      expect(missing.get(index)).toMatchObject({ code: 'SLIVER_NOT_FOUND', kind: 'not-found' });
  });

  test.each([
    [{ fails: true }, { code: 'NODE_REFUSED', kind: 'unavailable' }, true],
    [{ truncates: true }, { code: 'NODE_MISBEHAVED', kind: 'integrity' }, true],
    [{ oversized: true }, { code: 'NODE_MISBEHAVED', kind: 'integrity' }, true],
    [{ forbids: true }, { code: 'FORBIDDEN_BLOB', kind: 'unauthorized' }, false],
    [{ forgets: true }, { code: 'METADATA_NOT_FOUND', kind: 'not-found' }, false],
    [{ blackHole: true }, { code: 'NODE_UNREACHABLE', kind: 'unavailable' }, true],
  ] as const)('of a node with %o reports it by its kind', async (faults, error, suspect) => {
    const { net, node, blobId } = await holding();
    Object.assign((net.nodes[0] as { faults: object }).faults, faults);
    await expect(net.run(node.metadata(blobId, signal))).rejects.toMatchObject(error);
    expect(node.isSuspect()).toBe(suspect);
  });

  test('of a node that is gone says so, and what it had tried', async () => {
    const { net, node, blobId } = await holding();
    net.kill(net.nodes.slice(0, 1));
    const gone = { code: 'NODE_UNREACHABLE', data: { node: node.name } };
    await expect(net.run(node.blobStatus(blobId, signal))).rejects.toMatchObject(gone);
  });

  test('does not hold it against a node that its caller changed its mind', async () => {
    const { net, node, blobId } = await holding();
    (net.nodes[0] as { faults: { blackHole?: boolean } }).faults.blackHole = true;
    const controller = new AbortController();
    const asked = node.metadata(blobId, controller.signal);
    setImmediate(() => controller.abort(new Error('never mind')));
    await expect(net.run(asked)).rejects.toThrow('never mind');
    expect(node.isSuspect()).toBe(false);
  });
});

test('a report of all nodes is not held up by one that answers byte by byte', async () => {
  const net = await createTestNetwork({ nShards: 10, nodes: 3 });
  const [slow] = net.nodes as [FakeNode];
  async function* drops(): AsyncGenerator<Uint8Array> {
    for (;;) {
      await net.time.sleep(3_000);
      yield Uint8Array.of(0x20);
    }
  }
  Object.assign(slow, { handler: () => streamResponse(drops(), { status: 200 }) });
  net.revive([slow]);
  const startMs = net.time.monotonicMs();
  const reports = await net.run(net.client.nodeReports());
  expect(net.time.monotonicMs() - startMs).toBeLessThanOrEqual(DEFAULT_LIMITS.statusTimeoutMs);
  expect(reports.map(({ name }) => name)).toEqual(net.nodes.map(({ member }) => member.name));
  expect(reports[0]?.health).toMatchObject({ error: { code: 'NODE_UNREACHABLE', data: { node: slow.member.name } } });
});
