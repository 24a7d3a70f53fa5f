/**
 * What happens when good symbols rebuild a sliver that the metadata does not name (Walrus encoding rules: inconsistency proofs): the symbols
 * go to the committee as a proof, each member that checked it signs that the blob is invalid, and the certificate goes to the ledger, whose
 * event then removes the blob everywhere.
 */
import { invalidateBlobId, transactionOf } from '@floe/contracts';
import { compareBytes, isFloeError, type Logger, type Scheduler } from '@floe/platform';
import {
  assembleCertificate,
  type BlobId,
  type Bls,
  type Certificate,
  type Committee,
  type CommitteeMember,
  decodeSignedMessageHeader,
  encodeInvalidBlobId,
  type InconsistencyProof,
  memberOfNode,
  type MemberSignature,
  type NodeId,
  type VerifiedMetadata,
} from '@floe/protocol';
import { type Codec, makeInconsistencyProof } from '@floe/redstuff';
import type { CommitteeTracker } from '../committee-tracker.ts';
import { errors } from '../errors.ts';
import type { Operator } from '../ledger-port.ts';
import type { NodeLimits } from '../limits.ts';
import type { NodeMetrics } from '../node-metrics.ts';
import { gather } from '../peers/gather.ts';
import type { Peers } from '../peers/peers.ts';
import type { ProtocolKeys } from '../protocol-keys.ts';
import type { InconsistencyReporter } from './blob-recovery.ts';
import type { InconsistentSliver } from './sliver-rebuild.ts';

export interface InconsistencyModules {
  readonly operator: Operator | undefined;
  readonly committees: CommitteeTracker;
  readonly peers: Peers;
  readonly codec: Codec;
  readonly keys: ProtocolKeys;
  readonly bls: Bls;
  readonly scheduler: Scheduler;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

export class Inconsistencies implements InconsistencyReporter {
  readonly #options: { readonly nodeId: NodeId; readonly limits: NodeLimits };
  readonly #modules: InconsistencyModules;

  constructor(options: { readonly nodeId: NodeId; readonly limits: NodeLimits }, modules: InconsistencyModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** @throws NO_OPERATOR, NOT_ENOUGH_PEERS, NOT_ENOUGH_CONFIRMATIONS, INVALID_PROOF and what the ledger throws */
  async report(verified: VerifiedMetadata, sliver: InconsistentSliver, signal: AbortSignal): Promise<void> {
    const { codec, committees, metrics, logger } = this.#modules;
    const { blobId } = verified;
    const { axis, index, symbols } = sliver;
    const proof = await makeInconsistencyProof(codec, verified, { axis, index }, symbols, { signal });
    logger.warn('a blob is encoded wrongly', { blobId, axis, sliver: index });
    const committee = committees.committees.current;
    const certificate = await this.#certify(committee, blobId, proof, signal);
    await this.#invalidate(blobId, certificate, committee.members.length, signal);
    metrics.inconsistentBlobs.add();
    logger.warn('a blob was made invalid', { blobId, signers: certificate.signers.length });
  }

  async #certify(
    committee: Committee,
    blobId: BlobId,
    proof: InconsistencyProof,
    signal: AbortSignal,
  ): Promise<Certificate> {
    const { keys, bls, peers, scheduler } = this.#modules;
    const { nodeId, limits } = this.#options;
    const message = encodeInvalidBlobId({ epoch: committee.epoch, blobId });
    // By member: one that was slow may have been asked twice.
    const signatures = new Map<number, Uint8Array>();
    const self = memberOfNode(committee, nodeId);
    if (self !== undefined) signatures.set(self.index, keys.in(committee).sign(message));
    const { nShards, maxFaulty } = committee.geometry;
    const needed = nShards - maxFaulty - (self?.shards.length ?? 0);
    const candidates = peers.inOrder(committee.members).map((member) => ({ member, items: member.shards }));
    const fetch = async (member: CommitteeMember, _shards: readonly number[], until: AbortSignal) => {
      if (signatures.has(member.index)) return member.shards;
      const { serializedMessage, signature } = await peers.attestInvalid(member, blobId, proof, until);
      if (isOfAnotherEpoch(serializedMessage, committee, blobId)) {
        throw errors.PEER_UNREACHABLE({ peer: member.name, reason: `it does not sign for epoch ${committee.epoch}` });
      }
      const isSame = compareBytes(serializedMessage, message) === 0;
      if (!isSame || !bls.verify(member.publicKey, message, signature)) {
        peers.lied(member, `no attestation that blob ${blobId} is invalid`);
        throw errors.PEER_MISBEHAVED({ peer: member.name, reason: 'its attestation does not verify' });
      }
      signatures.set(member.index, signature);
      return member.shards;
    };
    const what = `attestations that blob ${blobId} is invalid`;
    await gather({ what, needed, candidates, hedgeMs: limits.peerHedgeMs, signal }, fetch, { scheduler });
    const confirmed = Array.from(signatures, ([member, signature]): MemberSignature => ({ member, signature }));
    return assembleCertificate(committee, { message, signatures: confirmed }, bls);
  }

  async #invalidate(blobId: BlobId, certificate: Certificate, memberCount: number, signal: AbortSignal): Promise<void> {
    const { operator } = this.#modules;
    if (operator === undefined) throw errors.NO_OPERATOR({ what: `making blob ${blobId} invalid` });
    const { ledger, signer } = operator;
    const system = await ledger.systemState({ signal });
    const source = transactionOf((transaction) => {
      invalidateBlobId(transaction, system, { certificate, memberCount });
    });
    await ledger.execute(source, signer, { signal });
  }
}

/** Whether it says the same as was asked for, in another epoch: a node that heard of a new epoch sooner, or later, is no liar. */
function isOfAnotherEpoch(message: Uint8Array, { epoch }: Committee, blobId: BlobId): boolean {
  try {
    const { epoch: other } = decodeSignedMessageHeader(message);
    return other !== epoch && compareBytes(message, encodeInvalidBlobId({ epoch: other, blobId })) === 0;
  } catch (error) {
    if (isFloeError(error)) return false;
    throw error;
  }
}
