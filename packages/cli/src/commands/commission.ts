/** `floe commission …`, `floe governance …`: a storage node's commission, and who acts in the node's name. */
import {
  type ActingAs,
  type Allowed,
  type Authority,
  collectCommission,
  type layouts,
  setAuthority,
  setNextCommission,
  typeNames,
} from '@floe/contracts';
import type { NodeId, ObjectId } from '@floe/protocol';
import { cliErrors } from '../errors.ts';
import { formatCoin, type Output } from '../output.ts';
import {
  balanceChange,
  execute,
  openWallet,
  type Payer,
  receipt,
  type Session,
  withPayer,
  withSession,
} from '../session.ts';
import type { NetworkOptions } from './blob-options.ts';
import { findCap, findNode, type NamedNode } from './nodes.ts';

export interface NodeOptions extends NetworkOptions {
  readonly node?: string;
}

export interface AuthorityOptions extends NodeOptions {
  readonly address?: ObjectId;
  readonly object?: ObjectId;
}

const MAY: Readonly<Record<Authority, string>> = { collect: 'collect the commission', govern: 'vote in the name' };

export async function runShowCommission(options: NodeOptions, output: Output, signal: AbortSignal): Promise<void> {
  await withSession(options, async (session) => {
    const { nodeId, name, pool } = await someNode(session, options, signal);
    const { commission, commissionRate, pendingCommissionRate, commissionReceiver, governanceAuthorized } = pool;
    const next = pendingCommissionRate.map(({ key, value }) => ({ epoch: key, basisPoints: Number(value) }));
    output.line(`${name} keeps ${percent(commissionRate)} of its rewards`);
    for (const { epoch, basisPoints } of next) output.line(`from epoch ${epoch} on ${percent(basisPoints)}`);
    output.line(`earned and not collected: ${formatCoin(commission, 'WAL')}`);
    output.line(
      `collected by ${holderText(commissionReceiver)}; votes are cast by ${holderText(governanceAuthorized)}`,
    );
    output.result({
      nodeId,
      node: name,
      basisPoints: commissionRate,
      next,
      commission,
      receiver: holderJson(commissionReceiver),
      governance: holderJson(governanceAuthorized),
    });
  });
}

export async function runSetCommission(
  basisPoints: number,
  options: NodeOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await withPayer(options, signal, async (payer) => {
    const { session, wallet, system } = payer;
    const { nodeCapId, nodeId, name } = await findCap(session, wallet.address, options.node, signal);
    const order = { nodeCapId, basisPoints };
    const executed = await execute(payer, (transaction) => setNextCommission(transaction, system, order), signal);
    const pool = (await session.ledger.stakingPools([nodeId], { signal })).get(nodeId);
    const epoch = Math.max(...(pool?.pendingCommissionRate ?? []).map(({ key }) => key));
    output.line(`${name} keeps ${percent(basisPoints)} of its rewards from epoch ${epoch} on`);
    output.result({ nodeId, node: name, basisPoints, epoch, ...receipt(executed) });
  });
}

export async function runCollectCommission(options: NodeOptions, output: Output, signal: AbortSignal): Promise<void> {
  await withPayer(options, signal, async (payer) => {
    const { session, wallet, system } = payer;
    const { nodeId, name, pool } = await someNode(session, options, signal);
    const receiver = await actingAs(payer, { nodeId, name, pool }, 'collect', signal);
    const order = { nodeId, receiver, to: wallet.address };
    const executed = await execute(payer, (transaction) => collectCommission(transaction, system, order), signal);
    const collected = balanceChange(executed, wallet.address, system.walType);
    const left = (await session.ledger.stakingPools([nodeId], { signal })).get(nodeId)?.commission ?? 0n;
    output.line(`collected ${formatCoin(collected, 'WAL')} of ${name}`);
    if (left > 0n) output.line(`${formatCoin(left, 'WAL')} are held back until voting ends`);
    output.result({ nodeId, node: name, collected, left, ...receipt(executed) });
  });
}

/** Gives an authority over a node to an account, or to whoever holds an object. */
export async function runHandOver(
  authority: Authority,
  options: AuthorityOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { address, object } = options;
  if ((address === undefined) === (object === undefined)) {
    throw cliErrors.USAGE({ detail: 'give one of --address and --object' });
  }
  const to: Allowed = address === undefined ? { objectId: object as ObjectId } : { address };
  await withPayer(options, signal, async (payer) => {
    const { session, system } = payer;
    const named = await someNode(session, options, signal);
    const as = await actingAs(payer, named, authority, signal);
    const { nodeId, name } = named;
    const order = { authority, nodeId, as, to };
    const executed = await execute(payer, (transaction) => setAuthority(transaction, system, order), signal);
    output.line(`who may ${MAY[authority]} of ${name} from now on: ${'address' in to ? to.address : to.objectId}`);
    output.result({ nodeId, node: name, authority, to, ...receipt(executed) });
  });
}

/** The node that is named, or else the wallet's only one. */
export async function someNode(session: Session, options: NodeOptions, signal: AbortSignal): Promise<NamedNode> {
  if (options.node !== undefined) return findNode(session, options.node, signal);
  const wallet = await openWallet(session, options, { fund: false });
  const { nodeId } = await findCap(session, wallet.address, undefined, signal);
  return findNode(session, nodeId, signal);
}

/** As whom the wallet may use that authority: as itself, or as the holder of the node's cap. @throws NOT_ALLOWED_FOR_NODE */
export async function actingAs(
  { session, wallet, system }: Payer,
  { nodeId, name, pool }: NamedNode,
  authority: Authority,
  signal: AbortSignal,
): Promise<ActingAs> {
  const allowed = authority === 'collect' ? pool.commissionReceiver : pool.governanceAuthorized;
  if (allowed.$kind === 'Address') {
    if (allowed.Address === wallet.address) return 'sender';
  } else if (await holdsCap(session, wallet.address, { nodeId, capId: allowed.ObjectID }, signal)) {
    return { objectId: allowed.ObjectID as ObjectId, type: typeNames(system.originalPackageId).storageNodeCap };
  }
  const holder = holderText(allowed);
  throw cliErrors.NOT_ALLOWED_FOR_NODE({ owner: wallet.address, node: name, what: MAY[authority], holder });
}

async function holdsCap(
  session: Session,
  owner: ObjectId,
  { nodeId, capId }: { readonly nodeId: NodeId; readonly capId: string },
  signal: AbortSignal,
): Promise<boolean> {
  for await (const cap of session.ledger.nodeCaps(owner, { signal })) {
    if (cap.id === capId && cap.nodeId === nodeId) return true;
  }
  return false;
}

function percent(basisPoints: number): string {
  return `${basisPoints / 100}%`;
}

function holderText(allowed: layouts.Authorized): string {
  return allowed.$kind === 'Address' ? allowed.Address : `whoever holds object ${allowed.ObjectID}`;
}

function holderJson(allowed: layouts.Authorized): object {
  return allowed.$kind === 'Address' ? { address: allowed.Address } : { objectId: allowed.ObjectID };
}
