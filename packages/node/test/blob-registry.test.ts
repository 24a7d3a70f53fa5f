import type { ContractEvent } from '@floe/contracts';
import { createMemoryStore } from '@floe/platform/memory';
import { blobIdFromBytes, type BlobId, type Epoch, type ObjectId, parseObjectId } from '@floe/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlobRegistry } from '../src/registry/blob-registry.ts';
import { digestOf } from './node-harness.ts';

const BLOBS = [1, 2].map((fill) => blobIdFromBytes(new Uint8Array(32).fill(fill)));
const POOLS = [0xa001, 0xa002].map((id) => parseObjectId(`0x${id.toString(16)}`));
const LAST_EPOCH = 16;

interface ModelObject {
  readonly blobId: BlobId;
  readonly objectId: ObjectId;
  readonly deletable: boolean;
  readonly poolId?: ObjectId;
  endEpoch: number;
  certified: boolean;
}

/** What the rules say, straight from the objects. */
class Model {
  readonly objects = new Map<ObjectId, ModelObject>();
  readonly pools = new Map<ObjectId, number>();
  readonly invalid = new Set<BlobId>();
  readonly certifiedSince = new Map<BlobId, number>();

  endOf(object: ModelObject): number {
    return object.poolId === undefined ? object.endEpoch : (this.pools.get(object.poolId) ?? 0);
  }

  live(blobId: BlobId, epoch: number): ModelObject[] {
    if (this.invalid.has(blobId)) return [];
    return [...this.objects.values()].filter((o) => o.blobId === blobId && this.endOf(o) > epoch);
  }

  isCertified(blobId: BlobId, epoch: number): boolean {
    return this.live(blobId, epoch).some((object) => object.certified);
  }

  expectedStatus(blobId: BlobId, epoch: number): unknown {
    if (this.invalid.has(blobId)) return { kind: 'invalid' };
    const live = this.live(blobId, epoch);
    const counted = live.filter((o) => o.deletable || o.poolId !== undefined);
    const permanent = live.filter((o) => !o.deletable && o.poolId === undefined);
    const deletableCounts = { total: counted.length, certified: counted.filter((o) => o.certified).length };
    const initialCertifiedEpoch = this.isCertified(blobId, epoch) ? this.certifiedSince.get(blobId) : undefined;
    const best = permanent.some((o) => o.certified) ? permanent.filter((o) => o.certified) : permanent;
    if (best.length > 0) {
      const isCertified = best[0]?.certified;
      const endEpoch = Math.max(...best.map((o) => o.endEpoch));
      return { kind: 'permanent', endEpoch, isCertified, deletableCounts, initialCertifiedEpoch };
    }
    return deletableCounts.total === 0
      ? { kind: 'nonexistent' }
      : { kind: 'deletable', initialCertifiedEpoch, deletableCounts };
  }
}

type Step =
  | {
      readonly what: 'register' | 'pool-register';
      readonly blob: number;
      readonly deletable: boolean;
      readonly epochs: number;
      readonly pool: number;
    }
  | { readonly what: 'certify' | 'extend' | 'delete'; readonly pick: number; readonly epochs: number }
  | { readonly what: 'create-pool'; readonly pool: number; readonly epochs: number }
  | { readonly what: 'invalidate'; readonly blob: number }
  | { readonly what: 'next-epoch' };

const small = fc.nat({ max: 1 });
const epochs = fc.integer({ min: 1, max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constantFrom('register' as const, 'pool-register' as const),
      blob: small,
      deletable: fc.boolean(),
      epochs,
      pool: small,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constantFrom('certify' as const, 'extend' as const, 'delete' as const),
      pick: fc.nat({ max: 20 }),
      epochs,
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('create-pool' as const), pool: small, epochs }) },
  { weight: 3, arbitrary: fc.constant({ what: 'next-epoch' as const }) },
);
const invalidation = fc.record({ what: fc.constant('invalidate' as const), blob: small });

/** Turns steps into events that a ledger could emit, keeping the model up to date. */
function eventOf(step: Step, model: Model, epoch: number, serial: number): ContractEvent | undefined {
  const now = epoch as Epoch;
  switch (step.what) {
    case 'register':
    case 'pool-register': {
      const blobId = BLOBS[step.blob] as BlobId;
      const objectId = parseObjectId(`0x${(serial + 1).toString(16)}`);
      const { deletable } = step;
      const endEpoch = epoch + step.epochs;
      if (step.what === 'register') {
        model.objects.set(objectId, { blobId, objectId, deletable, endEpoch, certified: false });
        const base = { epoch: now, blobId, size: 1n, encodingType: 1, deletable, objectId };
        return { kind: 'BlobRegistered', ...base, endEpoch: endEpoch as Epoch };
      }
      const poolId = POOLS[step.pool] as ObjectId;
      if ((model.pools.get(poolId) ?? 0) <= epoch) return undefined;
      model.objects.set(objectId, { blobId, objectId, deletable, poolId, endEpoch: 0, certified: false });
      const base = { epoch: now, blobId, unencodedSize: 1n, encodingType: 1, deletable, objectId };
      return { kind: 'PooledBlobRegistered', ...base, storagePoolId: poolId };
    }
    case 'certify':
    case 'extend':
    case 'delete':
      return changeOf(step, model, epoch);
    case 'create-pool': {
      const poolId = POOLS[step.pool] as ObjectId;
      const endEpoch = Math.max(model.pools.get(poolId) ?? 0, epoch + step.epochs);
      const isNew = !model.pools.has(poolId);
      model.pools.set(poolId, endEpoch);
      return isNew
        ? {
            kind: 'StoragePoolCreated',
            epoch: now,
            storagePoolId: poolId,
            reservedEncodedCapacityBytes: 1n,
            startEpoch: now,
            endEpoch: endEpoch as Epoch,
          }
        : { kind: 'StoragePoolExtended', epoch: now, storagePoolId: poolId, newEndEpoch: endEpoch as Epoch };
    }
    case 'invalidate': {
      const blobId = BLOBS[step.blob] as BlobId;
      model.invalid.add(blobId);
      return { kind: 'InvalidBlobID', epoch: now, blobId };
    }
    case 'next-epoch':
      return undefined;
  }
}

function changeOf(
  step: Extract<Step, { what: 'certify' | 'extend' | 'delete' }>,
  model: Model,
  epoch: number,
): ContractEvent | undefined {
  const now = epoch as Epoch;
  const candidates = [...model.objects.values()].filter((object) => {
    if (model.endOf(object) <= epoch) return false;
    if (step.what === 'certify') return !object.certified;
    if (step.what === 'extend') return object.certified && object.poolId === undefined;
    return object.deletable;
  });
  const object = candidates[step.pick % Math.max(1, candidates.length)];
  if (object === undefined) return undefined;
  const { blobId, objectId, deletable, poolId } = object;
  if (step.what === 'delete') {
    model.objects.delete(objectId);
    const base = { epoch: now, blobId, objectId, wasCertified: object.certified };
    if (poolId !== undefined) return { kind: 'PooledBlobDeleted', ...base, storagePoolId: poolId };
    return { kind: 'BlobDeleted', ...base, endEpoch: object.endEpoch as Epoch };
  }
  if (step.what === 'certify') {
    if (!model.isCertified(blobId, epoch)) model.certifiedSince.set(blobId, epoch);
    object.certified = true;
    if (poolId !== undefined)
      return { kind: 'PooledBlobCertified', epoch: now, blobId, deletable, objectId, storagePoolId: poolId };
  } else {
    object.endEpoch += step.epochs;
  }
  const endEpoch = object.endEpoch as Epoch;
  return {
    kind: 'BlobCertified',
    epoch: now,
    blobId,
    endEpoch,
    deletable,
    objectId,
    isExtension: step.what === 'extend',
  };
}

function withoutEvents(status: { kind: string }): unknown {
  const { event: _event, statusEvent: _statusEvent, ...rest } = status as Record<string, unknown>;
  return rest;
}

describe('the blob registry', () => {
  it('answers as the objects themselves would, at every epoch from now on, also when reopened and replayed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.option(invalidation), async (steps, last) => {
        const store = createMemoryStore();
        let registry = new BlobRegistry({ store });
        const model = new Model();
        let epoch = 1;
        const history: {
          sequence: bigint;
          timestampMs: number;
          events: { txDigest: string; eventSeq: number; event: ContractEvent }[];
        }[] = [];
        for (const [serial, current] of [...steps, ...(last === null ? [] : [last])].entries()) {
          if (current.what === 'next-epoch') epoch = Math.min(epoch + 1, LAST_EPOCH);
          const event = eventOf(current, model, epoch, serial);
          const sequence = BigInt(history.length);
          const events = event === undefined ? [] : [{ txDigest: digestOf(sequence), eventSeq: 0, event }];
          const checkpoint = { sequence, timestampMs: 0, events };
          history.push(checkpoint);
          await registry.apply(checkpoint);
          if (serial % 7 === 3) registry = new BlobRegistry({ store });
          if (serial % 5 === 2) for (const old of history) await registry.apply(old);
          for (const blobId of BLOBS) {
            for (let at = epoch; at <= epoch + 6; at += 1) {
              const when = at as Epoch;
              expect(registry.isRegistered(blobId, when)).toBe(model.live(blobId, at).length > 0);
              expect(registry.isCertified(blobId, when)).toBe(model.isCertified(blobId, at));
              expect(withoutEvents(registry.status(blobId, when))).toEqual(model.expectedStatus(blobId, at));
            }
            for (const object of model.objects.values()) {
              const expected = object.blobId === blobId && model.endOf(object) > epoch;
              expect(registry.isObjectRegistered(object.objectId, blobId, epoch as Epoch)).toBe(expected);
            }
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  const [blobId] = BLOBS as [BlobId];
  const objectId = parseObjectId('0x1');
  const base = { epoch: 1 as Epoch, blobId, objectId, deletable: true };
  const register: ContractEvent = { kind: 'BlobRegistered', ...base, size: 1n, encodingType: 1, endEpoch: 9 as Epoch };
  const certify: ContractEvent = { kind: 'BlobCertified', ...base, endEpoch: 9 as Epoch, isExtension: false };
  const remove: ContractEvent = { kind: 'BlobDeleted', ...base, endEpoch: 9 as Epoch, wasCertified: false };
  const otherBlob = BLOBS[1] as BlobId;

  it.each<[string, ContractEvent[]]>([
    ['registers an object twice', [register, register]],
    ['certifies what was never registered', [certify]],
    ['certifies twice', [register, certify, certify]],
    ['extends before certifying', [register, { ...certify, isExtension: true }]],
    ['names another blob', [register, { ...certify, blobId: otherBlob }]],
    ['changes whether an object can be deleted', [register, { ...certify, deletable: false }]],
    ['deletes a permanent object', [{ ...register, deletable: false }, remove]],
    ['is wrong about what it deletes', [register, certify, remove]],
    ['deletes twice', [register, remove, remove]],
  ])('stops at an event that %s, and changes nothing', async (_name, events) => {
    const store = createMemoryStore();
    const registry = new BlobRegistry({ store });
    const placed = events.map((event, eventSeq) => ({ txDigest: digestOf(0n), eventSeq, event }));
    await expect(registry.apply({ sequence: 0n, timestampMs: 0, events: placed })).rejects.toMatchObject({
      code: 'EVENT_CONTRADICTS',
      kind: 'integrity',
    });
    expect(registry.handled.nextCheckpoint).toBe(0n);
    expect(registry.status(blobId, 1 as Epoch)).toEqual({ kind: 'nonexistent' });
    expect(store.count('objects')).toBe(0);
  });

  it('names the event that first set the end of a permanent blob', async () => {
    const registry = new BlobRegistry({ store: createMemoryStore() });
    const permanent = { ...register, deletable: false };
    const certifyPermanent = { ...certify, deletable: false };
    const second = parseObjectId('0x2');
    const events: ContractEvent[] = [
      permanent,
      { ...permanent, objectId: second },
      certifyPermanent,
      { ...certifyPermanent, objectId: second },
      { ...certifyPermanent, objectId: second, isExtension: true, endEpoch: 12 as Epoch },
    ];
    const seen: unknown[] = [];
    for (const [index, event] of events.entries()) {
      const sequence = BigInt(index);
      await registry.apply({
        sequence,
        timestampMs: 0,
        events: [{ txDigest: digestOf(sequence), eventSeq: index, event }],
      });
      const status = registry.status(blobId, 1 as Epoch);
      seen.push(status.kind === 'permanent' ? [status.statusEvent.eventSeq, status.endEpoch] : status);
    }
    expect(seen).toEqual([
      ['0', 9],
      ['0', 9],
      ['2', 9],
      ['2', 9],
      ['4', 12],
    ]);
  });
});

describe('the registry of a node that reads a pruned ledger', () => {
  const [ended, stored] = BLOBS as [BlobId, BlobId];
  const ids = { ended: parseObjectId('0xb001'), stored: parseObjectId('0xb002') };
  const base = { epoch: 1 as Epoch, endEpoch: 9 as Epoch, deletable: true };
  const certified = (objectId: ObjectId, blobId: BlobId): ContractEvent => ({
    kind: 'BlobCertified',
    ...base,
    objectId,
    blobId,
    isExtension: false,
  });
  const registered: ContractEvent = {
    kind: 'BlobRegistered',
    ...base,
    objectId: ids.stored,
    blobId: stored,
    size: 1n,
    encodingType: 1,
  };
  const checkpoint = (sequence: bigint, events: readonly ContractEvent[]) => ({
    sequence,
    timestampMs: 0,
    events: events.map((event, eventSeq) => ({ txDigest: digestOf(sequence), eventSeq, event })),
  });

  it('leaves out what is about something that has ended, and learns of all that is stored', async () => {
    const registry = new BlobRegistry({ store: createMemoryStore() });
    const deleted: ContractEvent = {
      kind: 'BlobDeleted',
      ...base,
      objectId: ids.ended,
      blobId: ended,
      wasCertified: true,
    };
    await registry.apply({ ...checkpoint(3n, [certified(ids.ended, ended), registered]), isPartial: true });
    await registry.apply({ ...checkpoint(8n, [deleted, certified(ids.stored, stored)]), isPartial: true });
    expect(registry.isCertified(stored, 2 as Epoch)).toBe(true);
    expect(registry.isRegistered(ended, 2 as Epoch)).toBe(false);
    expect(registry.handled.nextCheckpoint).toBe(9n);
  });

  it('takes the same in a whole part of the chain for what it is', async () => {
    const registry = new BlobRegistry({ store: createMemoryStore() });
    const apply = registry.apply(checkpoint(3n, [certified(ids.ended, ended), registered]));
    await expect(apply).rejects.toMatchObject({ code: 'EVENT_CONTRADICTS' });
    expect(registry.isRegistered(stored, 2 as Epoch)).toBe(false);
  });
});
