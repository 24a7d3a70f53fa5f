/**
 * The keys (BLS12-381) that the node signs with: the one it has, and one that it changes to.
 *
 * Invariant: what is signed for an epoch is signed with the key that the committee of that epoch has of this node, and
 * with no other: so a key is changed without a moment in which the node's signatures do not count.
 */
import { equalBytes, toHex } from '@floe/platform';
import { type Bls, type Committee, memberOfNode, type NodeId } from '@floe/protocol';
import { errors } from './errors.ts';

export interface ProtocolKey {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** @returns 96 bytes */
  sign(message: Uint8Array): Uint8Array;
}

export class ProtocolKeys {
  /** The key as it is configured; the ledger may have put the next in its place. */
  readonly own: ProtocolKey;
  /** What the node changes to, or has changed to already. */
  readonly next: ProtocolKey | undefined;
  readonly #nodeId: NodeId;

  constructor(
    options: {
      readonly nodeId: NodeId;
      readonly blsSecretKey: Uint8Array;
      readonly nextBlsSecretKey?: Uint8Array | undefined;
    },
    { bls }: { readonly bls: Bls },
  ) {
    const keyOf = (secretKey: Uint8Array): ProtocolKey => ({
      publicKey: bls.publicKey(secretKey),
      sign: (message) => bls.sign(secretKey, message),
    });
    const { nodeId, blsSecretKey, nextBlsSecretKey } = options;
    this.#nodeId = nodeId;
    this.own = keyOf(blsSecretKey);
    const isOther = nextBlsSecretKey !== undefined && !equalBytes(nextBlsSecretKey, blsSecretKey);
    this.next = isOther ? keyOf(nextBlsSecretKey) : undefined;
  }

  /** The one of the two that has this public key, 48 bytes. */
  withPublicKey(publicKey: Uint8Array): ProtocolKey | undefined {
    return [this.own, this.next].find((key) => key !== undefined && equalBytes(key.publicKey, publicKey));
  }

  /**
   * The key that the committee has of this node; its own where it is no member.
   * @throws KEY_UNKNOWN when the node has not the key that the committee has
   */
  in(committee: Committee): ProtocolKey {
    const member = memberOfNode(committee, this.#nodeId);
    if (member === undefined) return this.own;
    const key = this.withPublicKey(member.publicKey);
    if (key !== undefined) return key;
    const { epoch } = committee;
    throw errors.KEY_UNKNOWN({ epoch, expected: toHex(member.publicKey), has: toHex(this.own.publicKey) });
  }

  /** What the node says that its key is, while the committee has one that it knows and while not. */
  publicKeyIn(committee: Committee): Uint8Array {
    const member = memberOfNode(committee, this.#nodeId);
    return (member === undefined ? undefined : this.withPublicKey(member.publicKey))?.publicKey ?? this.own.publicKey;
  }
}
