/** Proofs as a client gets and checks them, from a real ledger over its handler. */
import { layouts, proveObject, provenCertification, type StateProof, verifyStateProof } from '@floe/contracts';
import { fromBase64, toBase64 } from '@floe/platform';
import { systemScheduler } from '@floe/platform/node';
import type { ObjectId } from '@floe/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLedgerHandler } from '../../src/rpc/handler.ts';
import { certificateFor, certify, createdBlob, registerBlob } from '../support/blobs.ts';
import { everyObject } from '../support/wal.ts';
import { keypair, openWorld, succeed, type World } from '../support/world.ts';

const alice = keypair(2);
const UNKNOWN = `0x${'7'.repeat(64)}` as ObjectId;

let world: World;
let blobs: ObjectId[];
beforeAll(async () => {
  world = await openWorld();
  blobs = [];
  for (let i = 0; i < 3; i += 1) {
    blobs.push(createdBlob(world, await registerBlob(world, alice, { root: BigInt(i) })).id as ObjectId);
  }
});
afterAll(() => world.ledger.close());

const url = 'http://ledger.test/some/prefix';
const ask = (objectId: ObjectId, publicKey?: Uint8Array) => {
  const handler = createLedgerHandler(world.ledger);
  const fetchHandler = async (input: string | URL | Request, init?: RequestInit) =>
    handler(new Request(input as string, init));
  return proveObject({ url, objectId, publicKey }, { fetch: fetchHandler, scheduler: systemScheduler });
};
const proofOf = async (objectId: ObjectId): Promise<StateProof> => {
  const response = await createLedgerHandler(world.ledger)(new Request(`${url}/floe/v1/proofs/${objectId}`));
  return (await response.json()) as StateProof;
};

describe('a proof', () => {
  it('holds for every object of the state, with its type, version and contents', async () => {
    const { publicKey } = world.ledger.chain;
    const head = world.ledger.getCheckpoint('latest');
    const objects = everyObject(world).filter(({ type }) => type !== 'package');
    expect(objects.length).toBeGreaterThan(30);
    for (const object of objects) {
      const proven = await ask(object.id, publicKey);
      expect(proven).toMatchObject({ id: object.id, version: object.version, type: object.type });
      expect(proven?.contents).toEqual(object.contents);
      expect(proven?.checkpoint).toMatchObject({ sequence: head?.sequence, digest: head?.digest, publicKey });
    }
  });

  it('is refused when any byte of it is another, and for another object or key', async () => {
    const [id, other] = blobs as [ObjectId, ObjectId];
    const proof = await proofOf(id);
    const invalid = { code: 'STATE_PROOF_INVALID' };
    const verify = (changed: unknown, expected: Parameters<typeof verifyStateProof>[1] = { objectId: id }) =>
      verifyStateProof(changed, expected);
    await expect(verify(proof)).resolves.toMatchObject({ id });
    const flipped = (text: string, at: number) => {
      const bytes = fromBase64(text) as Uint8Array;
      bytes[at]! ^= 1;
      return toBase64(bytes);
    };
    for (const field of ['publicKey', 'summary', 'signature', 'object'] as const) {
      const size = (fromBase64(proof[field]) as Uint8Array).length;
      for (let at = 0; at < size; at += 3) {
        await expect(verify({ ...proof, [field]: flipped(proof[field], at) })).rejects.toMatchObject(invalid);
      }
    }
    for (const [i, sibling] of proof.siblings.entries()) {
      const changed = sibling === null ? toBase64(new Uint8Array(32).fill(1)) : flipped(sibling, 5);
      await expect(verify({ ...proof, siblings: proof.siblings.with(i, changed) })).rejects.toMatchObject(invalid);
    }
    for (const siblings of [proof.siblings.slice(1), [...proof.siblings, null], undefined, 'x', [5]]) {
      await expect(verify({ ...proof, siblings })).rejects.toMatchObject(invalid);
    }
    for (const nothing of [null, 'proof', {}, []]) await expect(verify(nothing)).rejects.toMatchObject(invalid);
    await expect(verify(proof, { objectId: other })).rejects.toMatchObject(invalid);
    await expect(verify(proof, { objectId: id, publicKey: new Uint8Array(32).fill(3) })).rejects.toMatchObject(invalid);
  });

  it('is of the state as it is now: an object that changed is proven as it became', async () => {
    const [id] = blobs as [ObjectId];
    const before = await ask(id);
    expect(() => provenCertification(before!, world.genesis.walrusPackageId)).toThrow('not certified');
    const blob = layouts.Blob.parse(before!.contents);
    await succeed(world, alice, (p) => certify(p, id, certificateFor(world, blob)));
    const after = await ask(id);
    expect(provenCertification(after!, world.genesis.walrusPackageId)).toMatchObject({
      blobId: blob.blobId,
      certifiedEpoch: 1,
      endEpoch: 3,
      deletable: true,
    });
    expect(after!.checkpoint.sequence).toBeGreaterThan(before!.checkpoint.sequence);
  });

  it('of something else than a blob is no certification', async () => {
    const system = await ask(world.genesis.systemObjectId);
    expect(() => provenCertification(system!, world.genesis.walrusPackageId)).toThrow('is no blob');
    const blob = await ask(blobs[0] as ObjectId);
    expect(() => provenCertification(blob!, UNKNOWN)).toThrow('is no blob');
  });

  it('is not there for an object that is not, and a malformed id is refused', async () => {
    expect(await ask(UNKNOWN)).toBeUndefined();
    await expect(ask('0xzz' as ObjectId)).rejects.toMatchObject({ code: 'LEDGER_FAILED' });
  });
});
