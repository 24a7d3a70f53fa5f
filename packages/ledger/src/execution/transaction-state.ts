/**
 * What one transaction changes, until it is known whether it counts: fresh and deleted ids, objects given away, dynamic
 * fields, events. Dropped as a whole when the transaction fails.
 */
import { eventType, type ContractEvent } from '@floe/contracts';
import { BcsWriter, objectIdFromBytes, type ObjectId, type SuiAddress } from '@floe/protocol';
import type { Digest, LedgerEvent, LedgerObject, Owner, TypeName } from '../api.ts';
import { blake2b256 } from '../hash.ts';
import { MAX_CHANGED_OBJECTS, MAX_EVENTS } from '../limits.ts';
import type { ObjectReader } from '../object-store.ts';
import type { ChildPlace, FieldPlace, FieldRef } from './call.ts';
import { objectValue } from './datatypes.ts';
import { encodeEvent } from './event-codec.ts';
import { fail } from './failure.ts';

/** An object that a command gave to an owner. */
export interface GivenObject {
  readonly type: TypeName;
  readonly value: unknown;
  readonly owner: Exclude<Owner, { kind: 'shared' }> | 'shared';
}

/** An object owned by another, that was read or written: a dynamic field, or the child of one. */
export interface ChildEntry {
  readonly place: ChildPlace;
  readonly hasPublicTransfer: boolean;
  readonly before: LedgerObject | undefined;
  /** The whole object's value, undefined when there is none. */
  value: { readonly id: ObjectId } | undefined;
  isChanged: boolean;
}

interface FieldValue {
  readonly id: ObjectId;
  readonly name: unknown;
  readonly value: unknown;
}

/** blake2b256(f1 ‖ transaction digest ‖ u64le counter). */
export function derivedObjectId(digest: Digest, counter: number): ObjectId {
  return objectIdFromBytes(new BcsWriter(41).u8(0xf1).fixed(digest).u64(counter).with(blake2b256));
}

export class TransactionState {
  /** Ids made here that still stand, whether or not as objects of their own. */
  readonly freshIds = new Set<ObjectId>();
  /** Ids from before that were deleted. */
  readonly deletedIds = new Set<ObjectId>();
  readonly given = new Map<ObjectId, GivenObject>();
  readonly children = new Map<ObjectId, ChildEntry>();
  readonly events: LedgerEvent[] = [];
  readonly #reader: ObjectReader;
  readonly #digest: Digest;
  #counter = 0;

  constructor(reader: ObjectReader, digest: Digest) {
    this.#reader = reader;
    this.#digest = digest;
  }

  freshId(): ObjectId {
    const id = derivedObjectId(this.#digest, this.#counter);
    this.#counter += 1;
    if (this.#counter > MAX_CHANGED_OBJECTS) {
      fail({ kind: 'EffectsTooLarge', currentSize: BigInt(this.#counter), maxSize: BigInt(MAX_CHANGED_OBJECTS) });
    }
    this.freshIds.add(id);
    return id;
  }

  deleteId(id: ObjectId): void {
    if (!this.freshIds.delete(id)) this.deletedIds.add(id);
  }

  give(id: ObjectId, given: GivenObject): void {
    this.given.set(id, given);
  }

  /** `walrus` is the package that declares all events; `source` the function that was called. */
  emit(
    source: { packageId: ObjectId; module: string; sender: SuiAddress },
    event: ContractEvent,
    walrus: ObjectId,
  ): void {
    if (this.events.length === MAX_EVENTS) {
      fail({ kind: 'EffectsTooLarge', currentSize: BigInt(MAX_EVENTS + 1), maxSize: BigInt(MAX_EVENTS) });
    }
    const type = eventType(walrus, event.kind);
    this.events.push({ ...source, type, contents: encodeEvent(event) });
  }

  field<T>({ parent, fieldId, fieldType, layout, name }: FieldPlace): FieldRef<T> {
    const entry = this.#entry({ owner: parent, id: fieldId, type: fieldType, layout }, false);
    return {
      get value(): T | undefined {
        return (entry.value as FieldValue | undefined)?.value as T | undefined;
      },
      set value(value: T | undefined) {
        entry.isChanged = true;
        entry.value = value === undefined ? undefined : ({ id: fieldId, name, value } as FieldValue);
      },
    };
  }

  child<T extends { readonly id: ObjectId }>(place: ChildPlace): FieldRef<T> {
    const entry = this.#entry(place, true);
    return {
      get value(): T | undefined {
        return entry.value as T | undefined;
      },
      set value(value: T | undefined) {
        entry.isChanged = true;
        entry.value = value;
      },
    };
  }

  #entry(place: ChildPlace, hasPublicTransfer: boolean): ChildEntry {
    const known = this.children.get(place.id);
    if (known !== undefined) return known;
    const before = this.#reader.getObject(place.id);
    const value = before === undefined ? undefined : objectValue<FieldValue>(before, place.layout);
    const entry: ChildEntry = { place, hasPublicTransfer, before, value, isChanged: false };
    this.children.set(place.id, entry);
    return entry;
  }
}
