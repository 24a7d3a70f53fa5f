/** The small values that every rendering uses: digests, times, owners, references. */
import { GrpcTypes } from '@mysten/sui/grpc';
import { toBase58 } from '@mysten/sui/utils';
import type { Digest, ObjectRef, Owner } from '../../api.ts';

/** Base58, the text form of every digest on Sui. */
export function digestText(digest: Digest): string {
  return toBase58(digest);
}

/** @param timeMs milliseconds since the Unix epoch */
export function renderTimestamp(timeMs: number): { seconds: bigint; nanos: number } {
  const seconds = Math.floor(timeMs / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round(timeMs - seconds * 1000) * 1_000_000 };
}

/** Only the fields that the kind of owner has; clients take a present zero for a value. */
export function renderOwner(owner: Owner): GrpcTypes.Owner {
  switch (owner.kind) {
    case 'address':
      return { kind: GrpcTypes.Owner_OwnerKind.ADDRESS, address: owner.address };
    case 'object':
      return { kind: GrpcTypes.Owner_OwnerKind.OBJECT, address: owner.parent };
    case 'shared':
      return { kind: GrpcTypes.Owner_OwnerKind.SHARED, version: owner.initialVersion };
    case 'immutable':
      return { kind: GrpcTypes.Owner_OwnerKind.IMMUTABLE };
  }
}

/** Id, version and digest of one version of an object. */
export function renderReference(reference: ObjectRef): GrpcTypes.ObjectReference {
  return { objectId: reference.id, version: reference.version, digest: digestText(reference.digest) };
}
