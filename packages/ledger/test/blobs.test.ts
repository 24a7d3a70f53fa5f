import { layouts, metadataFieldId, parseContractEvent } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import { deriveDynamicFieldID } from '@mysten/sui/utils';
import { expect, test } from 'vitest';
import {
  blobOf,
  certificateFor,
  certify,
  createdBlob,
  nobleForTests,
  register,
  registerBlob,
} from './support/blobs.ts';
import {
  addressOf,
  coinIdOf,
  created,
  failureText,
  keypair,
  openWorld,
  send,
  succeed,
  systemState,
  type World,
} from './support/world.ts';

const alice = keypair(2);
const eventsOf = (record: { events: readonly { type: string; contents: Uint8Array }[] }) =>
  record.events.map(({ type, contents }) => parseContractEvent(type, contents));

test('a blob lives: registered, certified by the committee, extended, given attributes, deleted, its space reused', async () => {
  const world = await openWorld({ bls: nobleForTests });
  const registered = await registerBlob(world, alice, { root: 5n, epochs: 3 });
  expect(failureText(registered)).toBe('success');
  const blob = createdBlob(world, registered);
  const id = blob.id as ObjectId;
  expect(blob).toMatchObject({ registeredEpoch: 1, certifiedEpoch: null, storage: { startEpoch: 1, endEpoch: 4 } });
  expect(eventsOf(registered)).toEqual([
    expect.objectContaining({ kind: 'BlobRegistered', blobId: blob.blobId, objectId: id }),
  ]);
  expect(world.ledger.getObject(id)?.type).toBe(`${world.genesis.walrusPackageId}::blob::Blob`);
  // The storage exists inside the blob only.
  expect(world.ledger.getObject(blob.storage.id as ObjectId)).toBeUndefined();
  expect(registered.effects.changedObjects.find((change) => change.id === blob.storage.id)).toMatchObject({
    input: undefined,
    output: undefined,
    idOperation: 'created',
  });

  const certified = await succeed(world, alice, (p) => certify(p, id, certificateFor(world, blob)));
  expect(blobOf(world, id).certifiedEpoch).toBe(1);
  expect(eventsOf(certified)).toEqual([
    expect.objectContaining({ kind: 'BlobCertified', epoch: 1, isExtension: false }),
  ]);

  const extended = await succeed(world, alice, (p) => {
    const coin = p.owned(coinIdOf(world, addressOf(alice), world.walType));
    p.call('walrus::system::extend_blob', [p.system(), p.owned(id), p.u32(5), coin]);
  });
  expect(blobOf(world, id).storage.endEpoch).toBe(9);
  expect(eventsOf(extended)).toEqual([expect.objectContaining({ isExtension: true, endEpoch: 9 })]);

  await succeed(world, alice, (p) => {
    const target = p.owned(id);
    p.call('walrus::blob::insert_or_update_metadata_pair', [target, p.text('color'), p.text('blue')]);
  });
  const fieldId = deriveDynamicFieldID(id, 'vector<u8>', Uint8Array.of(8, ...new TextEncoder().encode('metadata')));
  const field = world.ledger.getObject(fieldId as ObjectId);
  expect(field?.owner).toEqual({ kind: 'object', parent: id });
  expect(fieldId).toBe(metadataFieldId(id));
  expect(layouts.MetadataField.parse(field!.contents).value).toEqual({ metadata: [{ key: 'color', value: 'blue' }] });
  expect(world.ledger.listDynamicFields({ parent: id, limit: 10 }).items).toMatchObject([
    { kind: 'field', nameType: 'vector<u8>', valueType: expect.stringMatching(/::metadata::Metadata$/) as string },
  ]);

  const deleted = await succeed(world, alice, (p) => {
    const space = p.call('walrus::system::delete_blob', [p.system(false), p.owned(id)]);
    p.transfer(addressOf(alice), space);
  });
  expect(eventsOf(deleted)).toEqual([expect.objectContaining({ kind: 'BlobDeleted', wasCertified: true })]);
  expect(world.ledger.getObject(id)).toBeUndefined();
  expect(world.ledger.getObject(fieldId as ObjectId)).toBeUndefined();
  const storage = created(world, deleted, '::storage_resource::Storage')[0]!;
  // It was inside the blob: it comes back as the object it was, it is not created.
  expect(storage.id).toBe(blob.storage.id);
  expect(deleted.effects.changedObjects.find((change) => change.id === storage.id)?.idOperation).toBe('none');
  expect(deleted.effects.changedObjects.find((change) => change.id === id)?.idOperation).toBe('deleted');
  await world.ledger.close();
});

test('certificates need real signatures of enough shards', async () => {
  const world = await openWorld({ bls: nobleForTests });
  const blob = createdBlob(world, await registerBlob(world, alice, { root: 6n }));
  const id = blob.id as ObjectId;
  const good = certificateFor(world, blob);
  const attempt = async (certificate: typeof good) =>
    failureText(await send(world, alice, (p) => certify(p, id, certificate)));
  expect(await attempt(certificateFor(world, blob, 2))).toBe('bls_aggregate::2');
  expect(await attempt({ ...good, bitmap: Uint8Array.of(0b0111) })).toBe('bls_aggregate::1');
  expect(await attempt({ ...good, signature: new Uint8Array(96) })).toBe('bls_aggregate::1');
  expect(await attempt({ ...good, signature: new Uint8Array(3) })).toBe('bls_aggregate::1');
  expect(await attempt({ ...good, bitmap: Uint8Array.of(0b11111) })).toBe('bls_aggregate::0');
  const forged = good.message.slice();
  forged[10] = forged[10]! ^ 1;
  expect(await attempt({ ...good, message: forged })).toBe('bls_aggregate::1');
  expect(await attempt(good)).toBe('success');
  expect(await attempt(good)).toBe('blob::5');
  await world.ledger.close();
});

test('a shared blob is funded and extended by anyone, and its funds are all it can spend', async () => {
  const world = await openWorld();
  const blob = createdBlob(world, await registerBlob(world, alice, { root: 7n }));
  await succeed(world, alice, (p) => certify(p, blob.id as ObjectId, certificateFor(world, blob)));
  const wrapped = await succeed(world, alice, (p) => {
    const coin = p.owned(coinIdOf(world, addressOf(alice), world.walType));
    p.call('walrus::shared_blob::new_funded', [p.owned(blob.id as ObjectId), p.split(coin, 50_000n)[0]!]);
  });
  const shared = created(world, wrapped, '::shared_blob::SharedBlob')[0]!;
  expect(shared.owner).toEqual({ kind: 'shared', initialVersion: wrapped.effects.lamportVersion });
  expect(world.ledger.getObject(blob.id as ObjectId)).toBeUndefined();
  const bob = keypair(3);
  const extend = () =>
    send(world, bob, (p) => {
      p.call('walrus::shared_blob::extend', [p.shared(shared.id, true), p.system(), p.u32(1)]);
    });
  expect(failureText(await extend())).toBe('balance::2');
  await succeed(world, bob, (p) => {
    const coin = p.owned(coinIdOf(world, addressOf(bob), world.walType));
    p.call('walrus::shared_blob::fund', [p.shared(shared.id, true), p.split(coin, 60_000n)[0]!]);
  });
  expect(failureText(await extend())).toBe('success');
  const { funds, blob: inner } = layouts.SharedBlob.parse(world.ledger.getObject(shared.id)!.contents);
  expect({ funds, end: inner.storage.endEpoch }).toEqual({ funds: 10_000n, end: 4 });
  const taken = await send(world, bob, (p) => p.transfer(addressOf(bob), p.shared(shared.id, true)));
  expect(failureText(taken)).toBe('SharedObjectOperationNotAllowed@0');
  await world.ledger.close();
});

test('what a store costs is what was said: units of storage for every epoch, and one write fee', async () => {
  const world = await openWorld();
  const before = world.ledger.balance(addressOf(alice), world.walType).balance;
  const used = systemState(world).usedCapacitySize;
  // 3 MiB of space in started units, for 4 epochs at 100 000, and one unit written at 20 000.
  const record = await registerBlob(world, alice, { root: 8n, epochs: 4, space: 2_500_000n });
  expect(failureText(record)).toBe('success');
  const paid = before - world.ledger.balance(addressOf(alice), world.walType).balance;
  expect(paid).toBe(3n * 100_000n * 4n + 20_000n);
  const state = systemState(world);
  expect(state.usedCapacitySize - used).toBe(2_500_000n);
  const rewards = state.futureAccounting.ringBuffer.reduce((sum, entry) => sum + entry.rewardsToDistribute, 0n);
  expect(rewards).toBe(paid);
  await world.ledger.close();
});

test('a burned blob leaves nothing behind, attributes included', async () => {
  const world = await openWorld();
  const blob = createdBlob(world, await registerBlob(world, alice, { root: 9n, deletable: false }));
  const id = blob.id as ObjectId;
  await succeed(world, alice, (p) => {
    const metadata = p.call('walrus::metadata::new');
    p.call('walrus::blob::add_metadata', [p.owned(id), metadata]);
  });
  const record = await succeed(world, alice, (p) => p.call('walrus::blob::burn', [p.owned(id)]));
  expect(record.events).toEqual([]);
  expect(world.ledger.getObject(id)).toBeUndefined();
  expect(world.ledger.getObject(metadataFieldId(id))).toBeUndefined();
  const storageChange = record.effects.changedObjects.find((change) => change.id === blob.storage.id);
  expect(storageChange).toMatchObject({ input: undefined, output: undefined, idOperation: 'deleted' });
  await world.ledger.close();
});

test('one transaction registers many blobs; an abort in the last undoes them all', async () => {
  const world: World = await openWorld();
  const before = systemState(world);
  const record = await send(world, alice, (p) => {
    const { system, coin, blob } = register(p, world, alice, { root: 10n });
    p.transfer(addressOf(alice), blob);
    p.call('walrus::system::reserve_space', [system, p.u64(0n), p.u32(1), coin]);
  });
  expect(failureText(record)).toBe('system_state_inner::11');
  expect(record.events).toEqual([]);
  expect(systemState(world)).toEqual(before);
  expect(created(world, record, '::blob::Blob')).toEqual([]);
  await world.ledger.close();
});
