/**
 * What challenges came to: this node's own results, durable, and what its peers say of theirs, in memory.
 *
 * Invariants: a result is counted once, when its challenge has ended; results of old epochs are dropped; what a peer
 * says counts with the shards that the peer holds, so that no f of them can make a node look as if it failed.
 */
import { isFloeError, type KeyValueOperation, type KeyValueStore } from '@floe/platform';
import {
  type ChallengeResult,
  type Committee,
  type Epoch,
  isValidity,
  type NodeId,
  objectIdBytes,
  objectIdFromBytes,
} from '@floe/protocol';
import { errors } from '../errors.ts';
import { RowReader, RowWriter, tables } from '../tables.ts';

/** `failed`: answered, and not with the symbol; `silent`: did not answer. */
export type ChallengeOutcome = 'passed' | 'failed' | 'silent';

const ROW_VERSION = 1;
/** Epochs of results that are kept: the current one and those before it. */
const KEPT_EPOCHS = 4;

export class ChallengeBook {
  readonly #store: KeyValueStore;
  readonly #nodeId: NodeId;
  readonly #heard = new Map<NodeId, { readonly epoch: Epoch; readonly results: readonly ChallengeResult[] }>();

  constructor(options: { readonly nodeId: NodeId }, modules: { readonly store: KeyValueStore }) {
    this.#nodeId = options.nodeId;
    this.#store = modules.store;
  }

  /** This node's results of an epoch, by target. */
  results(epoch: Epoch): ChallengeResult[] {
    const results: ChallengeResult[] = [];
    for (const [key, row] of this.#store.entries(tables.challenges, { prefix: epochKey(epoch) })) {
      const result = decodeResult(key, row);
      if (result !== undefined) results.push(result);
    }
    return results;
  }

  /** Challenges of an epoch to `target` that have ended. */
  asked(epoch: Epoch, target: NodeId): number {
    const result = this.#result(epoch, target);
    return result.passed + result.failed + result.silent;
  }

  async record(epoch: Epoch, target: NodeId, outcome: ChallengeOutcome): Promise<void> {
    const before = this.#result(epoch, target);
    await this.#store.write([putResult(epoch, { ...before, [outcome]: before[outcome] + 1 })]);
  }

  /** Drops what is older than the epochs that are kept. */
  async forgetBefore(epoch: Epoch): Promise<void> {
    const to = epochKey(Math.max(0, epoch - KEPT_EPOCHS + 1) as Epoch);
    const keys = Array.from(this.#store.entries(tables.challenges, { to }), ([key]) => key);
    if (keys.length > 0)
      await this.#store.write(keys.map((key) => ({ kind: 'remove', table: tables.challenges, key })));
  }

  /** What a peer says of its challenges, in the place of what it said before. */
  hear(challenger: NodeId, epoch: Epoch, results: readonly ChallengeResult[]): void {
    this.#heard.set(challenger, { epoch, results });
  }

  /** Forgets what nodes said that sit in no committee any more. */
  keep(nodeIds: ReadonlySet<NodeId>): void {
    for (const nodeId of this.#heard.keys()) if (!nodeIds.has(nodeId)) this.#heard.delete(nodeId);
  }

  /** The nodes of which more than f shards say that they proved less than half of what they were asked: one of those is honest. */
  failing(committee: Committee): NodeId[] {
    const { epoch, geometry, members } = committee;
    const complaints = new Map<NodeId, number>();
    for (const { nodeId: challenger, shards } of members) {
      const heard = this.#heard.get(challenger);
      const results = challenger === this.#nodeId ? this.results(epoch) : heard?.epoch === epoch ? heard.results : [];
      const accused = results.filter(({ passed, failed, silent }) => failed + silent > passed);
      // Once each, whatever a list repeats, and nobody of itself.
      for (const nodeId of new Set(accused.map((result) => result.nodeId))) {
        if (nodeId !== challenger) complaints.set(nodeId, (complaints.get(nodeId) ?? 0) + shards.length);
      }
    }
    return members.map(({ nodeId }) => nodeId).filter((nodeId) => isValidity(geometry, complaints.get(nodeId) ?? 0));
  }

  #result(epoch: Epoch, target: NodeId): ChallengeResult {
    const none = { nodeId: target, passed: 0, failed: 0, silent: 0 };
    try {
      const key = resultKey(epoch, target);
      const row = this.#store.get(tables.challenges, key);
      return (row === undefined ? undefined : decodeResult(key, row)) ?? none;
    } catch (error) {
      if (isFloeError(error, 'STORE_CORRUPT')) return none;
      throw error;
    }
  }
}

function epochKey(epoch: Epoch): Uint8Array {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, epoch);
  return key;
}

function resultKey(epoch: Epoch, target: NodeId): Uint8Array {
  return new Uint8Array([...epochKey(epoch), ...objectIdBytes(target)]);
}

function putResult(epoch: Epoch, { nodeId, passed, failed, silent }: ChallengeResult): KeyValueOperation {
  const value = new RowWriter().u8(ROW_VERSION).u32(passed).u32(failed).u32(silent).done();
  return { kind: 'put', table: tables.challenges, key: resultKey(epoch, nodeId), value };
}

function decodeResult(key: Uint8Array, row: Uint8Array): ChallengeResult | undefined {
  const reader = new RowReader(row, (why) => errors.ROW_DAMAGED({ table: tables.challenges, why }));
  if (reader.u8() !== ROW_VERSION) return undefined;
  const [passed, failed, silent] = [reader.u32(), reader.u32(), reader.u32()];
  reader.end();
  return { nodeId: objectIdFromBytes(key.slice(4)) as NodeId, passed, failed, silent };
}
