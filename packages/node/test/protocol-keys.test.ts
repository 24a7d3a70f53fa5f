import { createCommittee, type Epoch, type NodeId, parseObjectId, type ShardIndex } from '@floe/protocol';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { describe, expect, it } from 'vitest';
import { planKeys } from '../src/epochs/key-rotation.ts';
import { ProtocolKeys } from '../src/protocol-keys.ts';

const NODE = parseObjectId('0xa1') as NodeId;
const bls = await createMclBls();
const [old, next, foreign] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const publicKey = new Map([old, next, foreign].map((secret) => [secret, bls.publicKey(secret)]));
const keyOf = (secret: Uint8Array) => publicKey.get(secret) as Uint8Array;
const message = Uint8Array.of(1, 2, 3);

function committee(nodeId: NodeId, key: Uint8Array) {
  const member = { name: 'node', networkAddress: '127.0.0.1:1', networkPublicKey: new Uint8Array(33) };
  const shards = Array.from({ length: 10 }, (_, shard) => shard as ShardIndex);
  const members = [{ ...member, nodeId, publicKey: key, shards }];
  return createCommittee({ epoch: 5 as Epoch, nShards: 10, members });
}

describe('the keys of a node', () => {
  const keys = new ProtocolKeys({ nodeId: NODE, blsSecretKey: old, nextBlsSecretKey: next }, { bls });

  it.each([
    ['own', old],
    ['next', next],
  ])('sign for a committee that has the %s one with that', (_, secret) => {
    const signature = keys.in(committee(NODE, keyOf(secret))).sign(message);
    expect(bls.verify(keyOf(secret), message, signature)).toBe(true);
    expect(keys.publicKeyIn(committee(NODE, keyOf(secret)))).toEqual(keyOf(secret));
  });

  it('sign nothing for a committee that has another', () => {
    expect(() => keys.in(committee(NODE, keyOf(foreign)))).toThrow(expect.objectContaining({ code: 'KEY_UNKNOWN' }));
    expect(keys.publicKeyIn(committee(NODE, keyOf(foreign)))).toEqual(keyOf(old));
  });

  it('are the own one where the node is no member', () => {
    expect(keys.in(committee(parseObjectId('0xb2') as NodeId, keyOf(foreign)))).toBe(keys.own);
  });

  it('are one when the next is the same', () => {
    expect(new ProtocolKeys({ nodeId: NODE, blsSecretKey: old, nextBlsSecretKey: old }, { bls }).next).toBeUndefined();
  });
});

describe('what a node announces of its keys', () => {
  // Walrus node rules, protocol key rotation: configured next key, current and announced key of the ledger.
  it.each([
    ['nothing while all is as it is', undefined, old, undefined, 'own', undefined],
    ['nothing when the own one is announced', undefined, old, old, 'own', undefined],
    ['the own one over another that is announced', undefined, old, foreign, 'own', old],
    ['the next one', next, old, undefined, 'own', next],
    ['the next one over another', next, old, foreign, 'own', next],
    ['the next one once', next, old, next, 'own', undefined],
    ['nothing after the change', next, next, undefined, 'next', undefined],
    ['the one in force over another after the change', next, next, old, 'next', next],
    ['the next one where the ledger has an unknown one', next, foreign, undefined, 'unknown', next],
    ['that once, too', next, foreign, next, 'unknown', undefined],
    ['nothing with no key that the ledger has', undefined, foreign, undefined, 'unknown', undefined],
    ['nothing of an announcement it cannot judge', undefined, foreign, next, 'unknown', undefined],
  ] as const)('is %s', (_, configured, current, announced, inForce, announce) => {
    const keys = new ProtocolKeys({ nodeId: NODE, blsSecretKey: old, nextBlsSecretKey: configured }, { bls });
    const ledger = { current: keyOf(current), next: announced === undefined ? undefined : keyOf(announced) };
    const plan = planKeys(keys, ledger);
    expect([plan.inForce, plan.announce?.publicKey]).toEqual([
      inForce,
      announce === undefined ? undefined : keyOf(announce),
    ]);
  });
});
