/**
 * The ledger's epoch as Sui describes one. It is not the Walrus epoch, which is in the System object. The fields of
 * Sui's own staking are zero: this ledger has no validators and pays no stake subsidy.
 */
import type { GrpcTypes } from '@mysten/sui/grpc';
import type { EpochInfo } from '../../api.ts';
import * as limits from '../../limits.ts';
import { renderTimestamp } from '../rendering/values.ts';

/** Layout version of Sui's system state that the fields below follow. */
const SYSTEM_STATE_VERSION = 2n;

/** The message of the epoch; the caller applies the mask. */
export function renderEpoch(info: EpochInfo): GrpcTypes.Epoch {
  return {
    epoch: info.epoch,
    systemState: renderSystemState(info),
    firstCheckpoint: info.firstCheckpoint,
    start: renderTimestamp(info.startTimestampMs),
    referenceGasPrice: info.referenceGasPrice,
    protocolConfig: {
      protocolVersion: info.protocolVersion,
      featureFlags: {},
      attributes: {
        max_tx_size_bytes: limits.MAX_TRANSACTION_BYTES.toString(),
        max_programmable_tx_commands: limits.MAX_COMMANDS.toString(),
        max_input_objects: limits.MAX_INPUTS.toString(),
        max_arguments: limits.MAX_ARGUMENTS.toString(),
        max_pure_argument_size: limits.MAX_PURE_BYTES.toString(),
        max_gas_payment_objects: limits.MAX_GAS_PAYMENTS.toString(),
        max_move_object_size: limits.MAX_OBJECT_BYTES.toString(),
        max_num_event_emit: limits.MAX_EVENTS.toString(),
        max_tx_gas: limits.MAX_GAS_BUDGET.toString(),
        max_gas_price: limits.MAX_GAS_PRICE.toString(),
      },
      configs: {},
    },
  };
}

function renderSystemState(info: EpochInfo): GrpcTypes.SystemState {
  return {
    version: SYSTEM_STATE_VERSION,
    epoch: info.epoch,
    protocolVersion: info.protocolVersion,
    referenceGasPrice: info.referenceGasPrice,
    epochStartTimestampMs: BigInt(info.startTimestampMs),
    validatorReportRecords: [],
    safeMode: false,
    safeModeStorageRewards: 0n,
    safeModeComputationRewards: 0n,
    safeModeStorageRebates: 0n,
    safeModeNonRefundableStorageFee: 0n,
    parameters: {
      epochDurationMs: 0n,
      stakeSubsidyStartEpoch: 0n,
      minValidatorCount: 0n,
      maxValidatorCount: 0n,
      minValidatorJoiningStake: 0n,
      validatorLowStakeThreshold: 0n,
      validatorVeryLowStakeThreshold: 0n,
      validatorLowStakeGracePeriod: 0n,
    },
    storageFund: { totalObjectStorageRebates: 0n, nonRefundableBalance: 0n },
    stakeSubsidy: {
      balance: 0n,
      distributionCounter: 0n,
      currentDistributionAmount: 0n,
      stakeSubsidyPeriodLength: 0n,
      stakeSubsidyDecreaseRate: 0,
    },
  };
}
