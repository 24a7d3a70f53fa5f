/** Storage nodes as commands name them: by the name in a committee, or by node id. */
import type { layouts } from '@floe/contracts';
import { type NodeId, type ObjectId, parseObjectId } from '@floe/protocol';
import { cliErrors } from '../errors.ts';
import type { Session } from '../session.ts';

export interface NamedNode {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly pool: layouts.StakingPool;
}

/** @throws NODE_UNKNOWN, NODE_AMBIGUOUS */
export async function findNode(session: Session, node: string, signal: AbortSignal): Promise<NamedNode> {
  const { current, next } = await session.ledger.committees({ signal });
  const members = [...current.members, ...(next?.members ?? [])];
  const isId = node.startsWith('0x');
  const named = isId ? [parseObjectId(node)] : members.filter(({ name }) => name === node).map(({ nodeId }) => nodeId);
  const [nodeId, ...others] = [...new Set(named)];
  if (others.length > 0) throw cliErrors.NODE_AMBIGUOUS({ node, nodeIds: named.join(', ') });
  const pools = nodeId === undefined ? undefined : await session.ledger.stakingPools([nodeId], { signal });
  const pool = nodeId === undefined ? undefined : pools?.get(nodeId);
  if (nodeId === undefined || pool === undefined) {
    throw cliErrors.NODE_UNKNOWN({ node, known: current.members.map(({ name }) => name).join(', ') });
  }
  return { nodeId, name: pool.nodeInfo.name, pool };
}

/** The cap of the wallet for that node; without a node, its only one. @throws NO_NODE_CAP, NODE_AMBIGUOUS */
export async function findCap(
  session: Session,
  owner: ObjectId,
  node: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly nodeCapId: ObjectId; readonly nodeId: NodeId; readonly name: string }> {
  const wanted = node === undefined ? undefined : (await findNode(session, node, signal)).nodeId;
  const caps: layouts.StorageNodeCap[] = [];
  for await (const cap of session.ledger.nodeCaps(owner, { signal })) {
    if (wanted === undefined || cap.nodeId === wanted) caps.push(cap);
  }
  const [cap, ...others] = caps;
  if (cap === undefined) throw cliErrors.NO_NODE_CAP({ owner, node: node ?? 'any storage node' });
  if (others.length > 0) {
    throw cliErrors.NODE_AMBIGUOUS({ node: 'the wallet', nodeIds: caps.map(({ nodeId }) => nodeId).join(', ') });
  }
  const nodeId = cap.nodeId as NodeId;
  const pool = (await session.ledger.stakingPools([nodeId], { signal })).get(nodeId);
  return { nodeCapId: cap.id as ObjectId, nodeId, name: pool?.nodeInfo.name ?? nodeId };
}
