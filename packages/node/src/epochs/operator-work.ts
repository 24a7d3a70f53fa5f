/** All that a node does on the ledger in its operator's name, from opening to closing. */
import type { Logger } from '@floe/platform';
import type { NodeId, ObjectId } from '@floe/protocol';
import type { Operator } from '../ledger-port.ts';
import { attestSyncs, type AttestationModules } from './sync-attestation.ts';
import { driveEpochs, type DriverModules } from './epoch-driver.ts';
import { driveSubsidies } from './subsidies.ts';
import { keepUp, type NodeParameters, type UpkeepModules } from './upkeep.ts';

type Modules = DriverModules & AttestationModules & UpkeepModules;

export interface OperatorOptions {
  readonly nodeId: NodeId;
  readonly parameters: NodeParameters;
  /** Undefined: there are none. */
  readonly subsidiesObjectId: ObjectId | undefined;
  readonly signal: AbortSignal;
}

/** Works until `signal` aborts, then resolves; never rejects. Without an operator there is nothing to do. */
export async function workAsOperator(
  options: OperatorOptions,
  modules: Omit<Modules, 'operator'> & { readonly operator: Operator | undefined },
): Promise<void> {
  const { subsidiesObjectId, signal } = options;
  const { operator } = modules;
  if (operator === undefined) return;
  const logger: Logger = modules.logger.child({ part: 'operator' });
  const parts = { ...modules, operator, logger };
  try {
    await Promise.all([
      driveEpochs({ signal }, parts),
      attestSyncs(options, parts),
      keepUp(options, parts),
      ...(subsidiesObjectId === undefined ? [] : [driveSubsidies({ subsidiesObjectId, signal }, parts)]),
    ]);
  } catch (error) {
    if (!signal.aborted) logger.error('the node cannot act on its ledger any more', { error });
  }
}
