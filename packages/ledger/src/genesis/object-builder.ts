/** Collects the first objects of a chain: versions 1, in the name of the genesis transaction, storage paid for. */
import { dynamicFieldId, fieldType } from '@floe/contracts';
import type { ObjectId, SuiAddress } from '@floe/protocol';
import { bcs } from '@mysten/sui/bcs';
import type { Digest, LedgerObject, Owner, TypeName } from '../api.ts';
import { storageCharge } from '../execution/gas.ts';
import { derivedObjectId } from '../execution/transaction-state.ts';
import { sealObject } from '../object-codec.ts';
import { coinOf, FRAMEWORK_ID } from '../type-constants.ts';

/** Anything that encodes a value: a BCS layout. */
interface Layout {
  serialize(value: never): { toBytes(): Uint8Array };
}

export class GenesisObjects {
  readonly #digest: Digest;
  readonly #objects = new Map<ObjectId, LedgerObject>();
  #counter = 0;

  constructor(digest: Digest) {
    this.#digest = digest;
  }

  freshId(): ObjectId {
    const id = derivedObjectId(this.#digest, this.#counter);
    this.#counter += 1;
    return id;
  }

  /** All objects, ascending by id. */
  all(): LedgerObject[] {
    return [...this.#objects.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  add(object: {
    id: ObjectId;
    type: TypeName;
    owner: Owner;
    contents: Uint8Array;
    /** Whether the type has `store`; default true. */
    hasPublicTransfer?: boolean;
  }): void {
    const draft = { hasPublicTransfer: true, ...object };
    const sealed = sealObject({
      ...draft,
      version: 1n,
      previousTransaction: this.#digest,
      storageRebate: storageCharge(draft),
    });
    this.#objects.set(object.id, sealed);
  }

  coin(coinType: TypeName, address: SuiAddress, balance: bigint): void {
    const id = this.freshId();
    const contents = bcs.struct('Coin', { id: bcs.Address, balance: bcs.u64() }).serialize({ id, balance }).toBytes();
    this.add({ id, type: coinOf(coinType), owner: { kind: 'address', address }, contents });
  }

  /** A dynamic field; `layout` is that of the whole field object. */
  field(place: {
    parent: ObjectId;
    nameType: TypeName;
    nameBytes: Uint8Array;
    valueType: TypeName;
    layout: Layout;
    name: unknown;
    value: unknown;
  }): ObjectId {
    const id = dynamicFieldId(place.parent, place.nameType, place.nameBytes);
    const contents = place.layout.serialize({ id, name: place.name, value: place.value } as never).toBytes();
    const type = fieldType(place.nameType, place.valueType);
    this.add({ id, type, owner: { kind: 'object', parent: place.parent }, contents, hasPublicTransfer: false });
    return id;
  }

  /** A dynamic object field: the child is owned by the field that points to it. */
  objectField(place: {
    parent: ObjectId;
    nameType: TypeName;
    nameBytes: Uint8Array;
    layout: Layout;
    name: unknown;
    child: { id: ObjectId; type: TypeName; contents: Uint8Array; hasPublicTransfer?: boolean };
  }): void {
    const fieldId = this.field({
      ...place,
      nameType: `${FRAMEWORK_ID}::dynamic_object_field::Wrapper<${place.nameType}>`,
      valueType: `${FRAMEWORK_ID}::object::ID`,
      value: place.child.id,
    });
    this.add({ ...place.child, owner: { kind: 'object', parent: fieldId } });
  }
}
