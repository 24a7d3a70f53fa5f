/** Under which id the ledger knows a node: its operator holds its capability, its pool has its key. */
import { compressG1, type LedgerClient } from '@floe/contracts';
import { equalBytes } from '@floe/platform';
import type { NodeId, ObjectId, SuiAddress } from '@floe/protocol';

export interface RegisteredNode {
  readonly nodeId: NodeId;
  readonly capId: ObjectId;
}

/** The node with this BLS public key (48 bytes) of which `operator` holds the capability, in a committee or not. */
export async function registeredNode(
  ledger: LedgerClient,
  { operator, blsPublicKey }: { readonly operator: SuiAddress; readonly blsPublicKey: Uint8Array },
  signal?: AbortSignal,
): Promise<RegisteredNode | undefined> {
  for await (const { id, nodeId } of ledger.nodeCaps(operator, { signal })) {
    const nodeInfo = (await ledger.stakingPools([nodeId], { signal })).get(nodeId)?.nodeInfo;
    if (nodeInfo !== undefined && equalBytes(compressG1(nodeInfo.publicKey), blsPublicKey))
      return { nodeId, capId: id };
  }
  return undefined;
}
