import type { TransactionSource } from '@floe/contracts';
import { deferred, fromBase64, type HttpHandler, silentLogger } from '@floe/platform';
import { createVirtualTime } from '@floe/platform/memory';
import {
  type Axis,
  blobIdBytes,
  type CommitteeMember,
  createCommittee,
  decodeMessage,
  encodeInvalidBlobId,
  type Epoch,
  memberOfShard,
  type NodeId,
  type NodeRoute,
  parseObjectId,
  parseSignersBitmap,
  type RecoverySymbol,
  type ShardIndex,
  shardOfPair,
  type SignedMessage,
  signersWeight,
  type SliverIndex,
  sliverOfPair,
  symbolsPerSliver,
  verifyCertificate,
} from '@floe/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import type { Operator } from '../../src/ledger-port.ts';
import { defaultLimits } from '../../src/limits.ts';
import { Inconsistencies, type InconsistencyModules } from '../../src/recovery/inconsistencies.ts';
import { codec, EPOCH, geometry, makeBlob, outcomeOf, SYSTEM_ID } from '../node-harness.ts';
import {
  type CheatedBlob,
  fastBls,
  makeCheatedBlob,
  Network,
  type NetworkNode,
  secretKeyOf,
} from '../network-harness.ts';

const SHARDS = [[0, 5], [1, 6], [2, 7, 9], [3, 8], [4]];

let network: Network | undefined;

afterEach(async () => {
  await network?.close();
  network = undefined;
});

/** What the ledger's contract checks before it says that a blob is invalid. */
class InvalidationLedger {
  readonly executed: { signature: Uint8Array; bitmap: Uint8Array; message: Uint8Array }[] = [];

  readonly operator = {
    signer: {},
    ledger: {
      systemState: async () => ({ packageId: parseObjectId('0x9ac'), systemObjectId: SYSTEM_ID }),
      execute: async (source: TransactionSource) => {
        const transaction = await (typeof source === 'function' ? source() : source);
        const { commands, inputs } = transaction.getData();
        expect(commands[0]?.MoveCall?.function).toBe('invalidate_blob_id');
        const [signature, bitmap, message] = inputs.flatMap(({ Pure }) => {
          const bytes = fromBase64(Pure?.bytes ?? '');
          // A short vector of bytes: its length stands in front.
          return Pure === undefined || bytes === undefined ? [] : [bytes.subarray(1)];
        }) as [Uint8Array, Uint8Array, Uint8Array];
        this.executed.push({ signature, bitmap, message });
        return {};
      },
    },
  } as unknown as Operator;
}

async function start(ledger: InvalidationLedger): Promise<Network> {
  network = await Network.start({ shards: SHARDS, operator: ledger.operator });
  return network;
}

/** The node that should have the sliver which nobody can make. */
function victimOf(net: Network, blob: CheatedBlob): number {
  const { nodeId } = memberOfShard(net.ledger.current.current, shardOfPair(geometry, blob.id, blob.cheated.pair));
  return net.nodes.findIndex((each) => each.nodeId === nodeId);
}

function expectCertificate(net: Network, ledger: InvalidationLedger, blob: CheatedBlob): void {
  const committee = net.ledger.current.current;
  const { signature, bitmap, message } = ledger.executed[0] as (typeof ledger.executed)[0];
  const signers = parseSignersBitmap(bitmap, committee.members.length);
  verifyCertificate(committee, { signers, message, signature }, fastBls, 'one-honest');
  expect(signersWeight(committee, signers)).toBeGreaterThanOrEqual(geometry.nShards - geometry.maxFaulty);
  expect(decodeMessage(message)).toEqual({ kind: 'invalidBlobId', epoch: EPOCH, blobId: blob.id });
  expect(blobIdBytes(blob.id)).toHaveLength(32);
}

describe('a wrongly encoded blob', () => {
  it.each<[Axis, number]>([
    ['primary', 300],
    ['secondary', 300],
    ['primary', 40_000],
    ['secondary', 40_000],
  ])(
    'whose %s sliver does not fit, of %i bytes, is proved, attested by n - f shards and made invalid',
    async (axis, size) => {
      const ledger = new InvalidationLedger();
      const net = await start(ledger);
      const blob = await makeCheatedBlob(size, 3, axis);
      await net.storeBlob(blob);
      const victim = victimOf(net, blob);
      await net.until(() => ledger.executed.length > 0);
      expectCertificate(net, ledger, blob);
      const { metrics } = net.nodes[victim] as NetworkNode;
      await net.until(() => metrics.of('floe_node_inconsistent_blobs_total') === 1);
      await net.emit({ kind: 'InvalidBlobID', epoch: EPOCH, blobId: blob.id });
      for (const index of SHARDS.keys()) {
        expect(net.node(index).status().store.slivers).toBe(0);
        const status: NodeRoute = { name: 'getBlobStatus', blobId: blob.id };
        expect(await outcomeOf(await net.call(index, status))).toEqual([200, { invalid: expect.anything() }]);
        const metadata: NodeRoute = { name: 'getMetadata', blobId: blob.id };
        expect(await outcomeOf(await net.call(index, metadata))).toEqual([404, 'NOT_FOUND', 'METADATA_NOT_FOUND']);
      }
      await net.pass(200_000);
      expect(ledger.executed).toHaveLength(1);
    },
  );

  it('is made invalid with f shards dead, and while another node says that it is not', async () => {
    const ledger = new InvalidationLedger();
    const net = await start(ledger);
    const blob = await makeCheatedBlob(9000, 5, 'primary');
    await net.storeBlob(blob);
    const others = [...SHARDS.keys()].filter((index) => index !== victimOf(net, blob));
    const single = others.find((index) => SHARDS[index]?.length === 1);
    const pair = others.find((index) => SHARDS[index]?.length === 2) as number;
    if (single !== undefined) await net.stop(single);
    const liar: (handler: HttpHandler) => HttpHandler = (handler) => (request) =>
      request.method === 'POST'
        ? new Response('{}', { headers: { 'content-type': 'application/json' } })
        : handler(request);
    (net.nodes[pair] as NetworkNode).front = liar;
    await net.until(() => ledger.executed.length > 0);
    expectCertificate(net, ledger, blob);
  });

  it('is not attested on the word of symbols that fit', async () => {
    const net = await start(new InvalidationLedger());
    const blob = await makeBlob(5000, 1);
    await net.storeBlob(blob);
    const route = { name: 'postInconsistencyProof', blobId: blob.id, axis: 'primary' } as const;
    expect((await net.call(0, route, new Uint8Array(3))).status).toBe(400);
  });
});

/** A report of an inconsistent blob by the member with shards 0 and 1; what the others answer is the test's. */
async function startReport() {
  const blob = await makeCheatedBlob(900, 3, 'primary');
  const { axis, pair } = blob.cheated;
  const index = sliverOfPair(geometry, axis, pair);
  const symbols: RecoverySymbol[] = [];
  for (let source = 0; source < symbolsPerSliver(geometry, axis); source += 1) {
    const sliver = blob.encoded.sliver('secondary', source as SliverIndex);
    symbols.push(...(await codec.recoverySymbols(geometry, sliver, [index])));
  }
  const shards = [[0, 1], [2, 3, 4, 5], [6, 7, 8], [9]];
  const members = shards.map((of, at) => ({
    nodeId: parseObjectId(`0x${at + 1}`) as NodeId,
    name: `node-${at}`,
    networkAddress: `127.0.0.1:${at + 1}`,
    publicKey: fastBls.publicKey(secretKeyOf(at)),
    networkPublicKey: new Uint8Array(33),
    shards: of as ShardIndex[],
  }));
  const current = createCommittee({ epoch: EPOCH, nShards: 10, members });
  const asked: { readonly member: number; readonly answer: (epoch?: Epoch, signer?: number) => void }[] = [];
  const liars: number[] = [];
  const ledger = new InvalidationLedger();
  const time = createVirtualTime();
  const peers = {
    inOrder: (all: readonly CommitteeMember[]) => all.slice(1),
    lied: (member: CommitteeMember) => void liars.push(member.index),
    attestInvalid: async (member: CommitteeMember) => {
      const answered = deferred<SignedMessage>();
      const answer = (epoch = EPOCH, signer = member.index): void => {
        const serializedMessage = encodeInvalidBlobId({ epoch, blobId: blob.id });
        const signature = fastBls.sign(secretKeyOf(signer), serializedMessage);
        answered.resolve({ serializedMessage, signature });
      };
      asked.push({ member: member.index, answer });
      return await answered.promise;
    },
  };
  const keys = { in: () => ({ sign: (message: Uint8Array) => fastBls.sign(secretKeyOf(0), message) }) };
  const metrics = { inconsistentBlobs: { add: () => undefined } };
  const modules = { operator: ledger.operator, committees: { committees: { current } }, peers, keys, metrics };
  const inconsistencies = new Inconsistencies({ nodeId: parseObjectId('0x1') as NodeId, limits: defaultLimits }, {
    ...modules,
    codec,
    bls: fastBls,
    scheduler: time,
    logger: silentLogger,
  } as unknown as InconsistencyModules);
  const { verified } = blob.encoded;
  const report = inconsistencies.report(verified, { axis, index, symbols }, new AbortController().signal);
  report.catch(() => undefined);
  await time.advance(0);
  for (let turn = 0; turn < 20 && asked.length === 0; turn += 1) await time.advance(0);
  return { report, asked, liars, ledger, time, current };
}

describe('a report of a wrongly encoded blob', () => {
  it('takes one signature of a member that was slow and was asked twice', async () => {
    const { report, asked, ledger, time, current } = await startReport();
    expect(asked.map(({ member }) => member)).toEqual([1, 2]);
    await time.advance(defaultLimits.peerHedgeMs);
    expect(asked.map(({ member }) => member)).toEqual([1, 2, 2, 3]);
    for (const at of [2, 1, 0]) {
      asked[at]?.answer();
      await time.advance(0);
    }
    await report;
    const { bitmap } = ledger.executed[0] as (typeof ledger.executed)[0];
    expect(parseSignersBitmap(bitmap, current.members.length)).toEqual([0, 1, 2]);
  });

  it('calls nobody a liar who signs the same for another epoch, but who signs with another key', async () => {
    const { report, asked, liars, time } = await startReport();
    asked[0]?.answer((EPOCH + 1) as Epoch);
    asked[1]?.answer(EPOCH, 3);
    await time.advance(0);
    for (const { member, answer } of asked) if (member === 3) answer();
    await expect(time.run(report)).rejects.toMatchObject({ code: 'NOT_ENOUGH_PEERS' });
    expect(liars).toEqual([2]);
  });
});
