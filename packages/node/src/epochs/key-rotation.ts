/**
 * Changes the key that the node signs with, when it is configured with a next one: announces that on the ledger, with a
 * proof that the node holds it. The committee that is chosen after that has it; `ProtocolKeys` then signs with it.
 *
 * Invariant: what is announced follows from the configured keys and the ledger's alone, so a restart in any step goes on.
 */
import { compressG1, type layouts, setNextPublicKey, transactionOf } from '@floe/contracts';
import { equalBytes, type Logger, toHex } from '@floe/platform';
import { encodeProofOfPossession, type NodeId, parseObjectId } from '@floe/protocol';
import type { Operator } from '../ledger-port.ts';
import type { NodeMetrics } from '../node-metrics.ts';
import type { ProtocolKey, ProtocolKeys } from '../protocol-keys.ts';
import { findNodeCap } from './sync-attestation.ts';

/** Keys of a node on its ledger, 48 bytes each. */
export interface LedgerKeys {
  readonly current: Uint8Array;
  /** Announced, and not in a committee yet. */
  readonly next: Uint8Array | undefined;
}

export interface KeyPlan {
  /** `own`: the key as configured is in force. `next`: the change is complete. `unknown`: neither is. */
  readonly inForce: 'own' | 'next' | 'unknown';
  /** The key to announce; undefined when the ledger has the right one. */
  readonly announce: ProtocolKey | undefined;
}

/**
 * Walrus node rules, protocol key rotation: a next key that is configured is announced; another one that is announced,
 * by whomever, is taken back.
 */
export function planKeys(keys: Pick<ProtocolKeys, 'own' | 'next'>, ledger: LedgerKeys): KeyPlan {
  const isSame = (key: ProtocolKey | undefined, publicKey: Uint8Array | undefined): boolean =>
    key !== undefined && publicKey !== undefined && equalBytes(key.publicKey, publicKey);
  const { own, next } = keys;
  const inForce = isSame(own, ledger.current) ? 'own' : isSame(next, ledger.current) ? 'next' : 'unknown';
  if (inForce !== 'next' && next !== undefined) {
    return { inForce, announce: isSame(next, ledger.next) ? undefined : next };
  }
  const held = { own, next, unknown: undefined }[inForce];
  const isForeign = ledger.next !== undefined && !isSame(held, ledger.next);
  return { inForce, announce: isForeign ? held : undefined };
}

export interface KeyRotationModules {
  readonly operator: Operator;
  readonly keys: ProtocolKeys;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

export class KeyRotation {
  readonly #nodeId: NodeId;
  readonly #modules: KeyRotationModules;
  #inForce: KeyPlan['inForce'] = 'own';

  constructor({ nodeId }: { readonly nodeId: NodeId }, modules: KeyRotationModules) {
    this.#nodeId = nodeId;
    this.#modules = modules;
  }

  /** Announces what there is to announce. Fails when the epoch changes meanwhile: a proof is good for one. */
  async advance({ nodeInfo }: Pick<layouts.StakingPool, 'nodeInfo'>, signal: AbortSignal): Promise<void> {
    const { publicKey, nextEpochPublicKey } = nodeInfo;
    const current = compressG1(publicKey);
    const next = nextEpochPublicKey === null ? undefined : compressG1(nextEpochPublicKey);
    const { inForce, announce } = planKeys(this.#modules.keys, { current, next });
    this.#report(inForce, current);
    if (announce !== undefined) await this.#announce(announce, signal);
  }

  #report(inForce: KeyPlan['inForce'], current: Uint8Array): void {
    const { keys, logger } = this.#modules;
    if (inForce === 'unknown') {
      const own = toHex(keys.own.publicKey);
      logger.error('the ledger has a key of this node that it is not configured with', { ledger: toHex(current), own });
    } else if (inForce === 'next' && this.#inForce !== 'next') {
      logger.info('the next key is in force, and may be configured as the key', { publicKey: toHex(current) });
    }
    this.#inForce = inForce;
  }

  async #announce(key: ProtocolKey, signal: AbortSignal): Promise<void> {
    const { operator, metrics, logger } = this.#modules;
    const { ledger, signer } = operator;
    const cap = await findNodeCap(operator, this.#nodeId, signal);
    if (cap === undefined) return;
    const { publicKey } = key;
    const target = await ledger.systemState({ fresh: true, signal });
    const proven = { epoch: target.epoch, address: parseObjectId(signer.toSuiAddress()), publicKey };
    const proofOfPossession = key.sign(encodeProofOfPossession(proven));
    const order = { nodeCapId: cap.id, blsPublicKey: publicKey, proofOfPossession };
    const source = transactionOf((transaction) => setNextPublicKey(transaction, target, order));
    await ledger.execute(source, signer, { signal });
    metrics.epochCalls.add(1, { call: 'set_next_public_key', outcome: 'done' });
    logger.info('announced the key that the node will sign with', { publicKey: toHex(publicKey) });
  }
}
