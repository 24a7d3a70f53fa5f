/**
 * What the operator's account does between epochs, every now and then: brings the node's votes and key to what is
 * configured, puts the prices that the committee votes for in force, and watches what is left for gas.
 */
import {
  type layouts,
  type NodeVotes,
  setNetworkPublicKey,
  setNextCommission,
  setNodeVotes,
  transactionOf,
  updatePrices,
} from '@floe/contracts';
import { equalBytes, type Logger, type Rng, type Scheduler, toHex } from '@floe/platform';
import { type NodeId, parseObjectId } from '@floe/protocol';
import type { Operator } from '../ledger-port.ts';
import { LOW_GAS_MIST, UPKEEP_EPOCH_SHARE, UPKEEP_LONGEST_MS, UPKEEP_SHORTEST_MS } from '../limits.ts';
import type { NodeMetrics } from '../node-metrics.ts';
import type { ProtocolKeys } from '../protocol-keys.ts';
import { KeyRotation } from './key-rotation.ts';
import { findNodeCap } from './sync-attestation.ts';
import { jitterMs, reasonOf } from './waiting.ts';

/** What the node asks of the ledger for itself; what is left out stays as it is there. */
export interface NodeParameters extends NodeVotes {
  /** Takes effect in the epoch after the next. */
  readonly commissionBasisPoints?: number;
  /** Of the key that the node has for its connections, 33 bytes: it takes effect at once. */
  readonly networkPublicKey?: Uint8Array;
}

export interface UpkeepModules {
  readonly operator: Operator;
  readonly keys: ProtocolKeys;
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

export interface UpkeepOptions {
  readonly nodeId: NodeId;
  readonly parameters: NodeParameters;
  readonly signal: AbortSignal;
}

/** Goes on until `signal` aborts, then rejects with its reason. */
export async function keepUp(options: UpkeepOptions, modules: UpkeepModules): Promise<never> {
  const { nodeId, signal } = options;
  const { operator, scheduler, rng, logger } = modules;
  const rotation = new KeyRotation(options, modules);
  for (;;) {
    let everyMs = UPKEEP_LONGEST_MS;
    try {
      const { epochDurationMs } = await operator.ledger.epochSchedule({ signal });
      everyMs = Math.min(everyMs, Math.max(UPKEEP_SHORTEST_MS, epochDurationMs * UPKEEP_EPOCH_SHARE));
      const pool = (await operator.ledger.stakingPools([nodeId], { signal })).get(nodeId);
      if (pool !== undefined) {
        await pushParameters(options, pool, modules);
        await rotation.advance(pool, signal);
      }
      await putPricesInForce(options, modules);
      await watchBalance(options, modules);
    } catch (error) {
      signal.throwIfAborted();
      logger.warn('upkeep on the ledger failed; it is done later', { reason: reasonOf(error) });
    }
    // From half to one and a half of it, so that the nodes of a committee do not all look at one moment.
    await scheduler.sleep(everyMs / 2 + jitterMs(everyMs, rng), signal);
  }
}

/** What of `wanted` the ledger does not have yet. */
function parameterChanges(wanted: NodeParameters, pool: layouts.StakingPool): NodeParameters {
  const { votingParams, commissionRate, pendingCommissionRate } = pool;
  const lastRate = pendingCommissionRate.reduce((last, entry) => (entry.key >= last.key ? entry : last), {
    key: 0,
    value: BigInt(commissionRate),
  } as (typeof pendingCommissionRate)[number]);
  const differs = <T>(want: T | undefined, has: T): want is T => want !== undefined && want !== has;
  const { networkPublicKey } = wanted;
  const isNewKey = networkPublicKey !== undefined && !equalBytes(networkPublicKey, pool.nodeInfo.networkPublicKey);
  return {
    ...(isNewKey ? { networkPublicKey } : {}),
    ...(differs(wanted.storagePrice, votingParams.storagePrice) ? { storagePrice: wanted.storagePrice } : {}),
    ...(differs(wanted.writePrice, votingParams.writePrice) ? { writePrice: wanted.writePrice } : {}),
    ...(differs(wanted.capacity, votingParams.nodeCapacity) ? { capacity: wanted.capacity } : {}),
    ...(differs(wanted.commissionBasisPoints, Number(lastRate.value))
      ? { commissionBasisPoints: wanted.commissionBasisPoints }
      : {}),
  };
}

async function pushParameters(
  { nodeId, parameters, signal }: UpkeepOptions,
  pool: layouts.StakingPool,
  modules: UpkeepModules,
): Promise<void> {
  const { operator, metrics, logger } = modules;
  const { ledger, signer } = operator;
  const changes = parameterChanges(parameters, pool);
  if (Object.keys(changes).length === 0) return;
  const cap = await findNodeCap(operator, nodeId, signal);
  if (cap === undefined) return;
  const target = await ledger.systemState({ signal });
  const { commissionBasisPoints, networkPublicKey, ...votes } = changes;
  const source = transactionOf((transaction) => {
    setNodeVotes(transaction, target, { nodeCapId: cap.id, votes });
    if (commissionBasisPoints !== undefined) {
      setNextCommission(transaction, target, { nodeCapId: cap.id, basisPoints: commissionBasisPoints });
    }
    if (networkPublicKey !== undefined) {
      setNetworkPublicKey(transaction, target, { nodeCapId: cap.id, networkPublicKey });
    }
  });
  await ledger.execute(source, signer, { signal });
  metrics.epochCalls.add(1, { call: 'set_parameters', outcome: 'done' });
  logger.info("brought the node's parameters on the ledger up to date", {
    ...changes,
    ...(networkPublicKey === undefined ? {} : { networkPublicKey: toHex(networkPublicKey) }),
  });
}

async function putPricesInForce({ signal }: UpkeepOptions, modules: UpkeepModules): Promise<void> {
  const { operator, metrics, logger } = modules;
  const { ledger, signer } = operator;
  const { storagePrice, writePrice, voted } = await ledger.prices({ signal });
  const target = await ledger.systemState({ signal });
  // Nobody sits in the committee of epoch 0, and what nobody votes for would be beyond anyone's means.
  if (target.epoch === 0) return;
  if (voted.storagePrice === storagePrice && voted.writePrice === writePrice) return;
  await ledger.execute(
    transactionOf((transaction) => updatePrices(transaction, target)),
    signer,
    { signal },
  );
  metrics.epochCalls.add(1, { call: 'update_prices', outcome: 'done' });
  logger.info('put the voted prices in force', { ...voted });
}

async function watchBalance({ signal }: UpkeepOptions, { operator, metrics, logger }: UpkeepModules): Promise<void> {
  const address = parseObjectId(operator.signer.toSuiAddress());
  const { sui } = await operator.ledger.balances(address, { signal });
  metrics.suiBalance.set(Number(sui), { sui_address: address });
  if (sui < LOW_GAS_MIST) logger.warn('the operator is running out of SUI for gas', { address, mist: sui });
}
