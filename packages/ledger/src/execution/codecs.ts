/**
 * BCS of the types that nearly every transaction touches, written by hand: the general layouts of `@floe/contracts`
 * spend more on their description than on the bytes. Same values, same bytes; they accept exactly what they write.
 */
import type { layouts } from '@floe/contracts';
import {
  BcsReader,
  BcsWriter,
  blobIdBytes,
  blobIdFromBytes,
  type Epoch,
  objectIdBytes,
  objectIdFromBytes,
  type ObjectId,
  u256Bytes,
  u256FromBytes,
} from '@floe/protocol';

/** Encodes and decodes values of one type. */
export interface Codec {
  parse(bytes: Uint8Array): unknown;
  serialize(value: unknown): { toBytes(): Uint8Array };
  /** True: `parse` takes nothing but what `serialize` makes, so that nobody has to compare. */
  readonly isStrict?: true;
}

interface Form<T> {
  readonly read: (reader: BcsReader) => T;
  readonly write: (writer: BcsWriter, value: T) => void;
}

function strict<T>(what: string, { read, write }: Form<T>): Codec {
  return {
    isStrict: true,
    parse(bytes) {
      const reader = new BcsReader(bytes, what);
      const value = read(reader);
      reader.end();
      return value;
    },
    serialize: (value) => ({
      toBytes() {
        const writer = new BcsWriter();
        write(writer, value as T);
        return writer.finish();
      },
    }),
  };
}

const MASK_64 = (1n << 64n) - 1n;

const bool: Form<boolean> = {
  read(reader) {
    const byte = reader.u8('a bool');
    return byte > 1 ? reader.fail('a bool of 0 or 1', `${byte}`) : byte === 1;
  },
  write: (writer, value) => writer.u8(value ? 1 : 0),
};

const u128: Form<bigint> = {
  read(reader) {
    const low = reader.u64();
    return low | (reader.u64() << 64n);
  },
  write: (writer, value) => writer.u64(value & MASK_64).u64(value >> 64n),
};

const id: Form<ObjectId> = {
  read: (reader) => objectIdFromBytes(reader.fixed(32)),
  write: (writer, value) => writer.fixed(objectIdBytes(value)),
};

const coin: Form<layouts.Coin> = {
  read: (reader) => ({ id: id.read(reader), balance: reader.u64() }),
  write: (writer, value) => {
    id.write(writer, value.id);
    writer.u64(value.balance);
  },
};

const system: Form<layouts.System> = {
  read: (reader) => ({
    id: id.read(reader),
    version: reader.u64(),
    packageId: id.read(reader),
    newPackageId: bool.read(reader) ? id.read(reader) : null,
  }),
  write(writer, value) {
    id.write(writer, value.id);
    writer.u64(value.version);
    id.write(writer, value.packageId);
    bool.write(writer, value.newPackageId !== null);
    if (value.newPackageId !== null) id.write(writer, value.newPackageId);
  },
};

const storage: Form<layouts.Storage> = {
  read: (reader) => ({
    id: id.read(reader),
    startEpoch: reader.u32() as Epoch,
    endEpoch: reader.u32() as Epoch,
    storageSize: reader.u64(),
  }),
  write(writer, value) {
    id.write(writer, value.id);
    writer.u32(value.startEpoch).u32(value.endEpoch).u64(value.storageSize);
  },
};

const blob: Form<layouts.Blob> = {
  read: (reader) => ({
    id: id.read(reader),
    registeredEpoch: reader.u32() as Epoch,
    blobId: blobIdFromBytes(reader.fixed(32)),
    size: reader.u64(),
    encodingType: reader.u8(),
    certifiedEpoch: bool.read(reader) ? (reader.u32() as Epoch) : null,
    storage: storage.read(reader),
    deletable: bool.read(reader),
  }),
  write(writer, value) {
    id.write(writer, value.id);
    writer.u32(value.registeredEpoch).fixed(blobIdBytes(value.blobId)).u64(value.size).u8(value.encodingType);
    bool.write(writer, value.certifiedEpoch !== null);
    if (value.certifiedEpoch !== null) writer.u32(value.certifiedEpoch);
    storage.write(writer, value.storage);
    bool.write(writer, value.deletable);
  },
};

export const codecs = {
  bool: strict('a bool', bool),
  u8: strict<number>('a u8', { read: (reader) => reader.u8(), write: (writer, value) => writer.u8(value) }),
  u16: strict<number>('a u16', { read: (reader) => reader.u16(), write: (writer, value) => writer.u16(value) }),
  u32: strict<number>('a u32', { read: (reader) => reader.u32(), write: (writer, value) => writer.u32(value) }),
  u64: strict<bigint>('a u64', { read: (reader) => reader.u64(), write: (writer, value) => writer.u64(value) }),
  u128: strict('a u128', u128),
  u256: strict<bigint>('a u256', {
    read: (reader) => u256FromBytes(reader.fixed(32)),
    write: (writer, value) => writer.fixed(u256Bytes(value)),
  }),
  id: strict('an id', id),
  string: strict<string>('a string', {
    read: (reader) => reader.string(),
    write: (writer, value) => writer.string(value),
  }),
  bytes: strict<Uint8Array>('bytes', {
    read: (reader) => reader.bytes().slice(),
    write: (writer, value) => writer.bytes(value),
  }),
  coin: strict('a coin', coin),
  system: strict('a system', system),
  storage: strict('a storage resource', storage),
  blob: strict('a blob', blob),
} as const;
