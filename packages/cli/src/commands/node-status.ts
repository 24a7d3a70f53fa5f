/** `floe node status` and `floe node health`: what a running node says of itself. */
import type { ChallengeResult, ProbeResult } from '@floe/protocol';
import { formatDuration } from '../durations.ts';
import { cliErrors } from '../errors.ts';
import { type AdminStatus, askProbe, askStatus } from '../node-admin.ts';
import { formatBytes, type Output } from '../output.ts';
import { type NodeOptions, namedNode } from './node-care.ts';

/** Checkpoints that a node at work may be behind at any moment. */
const MOMENTARY_CHECKPOINTS = 20;

export async function runNodeStatus(options: NodeOptions, output: Output, signal: AbortSignal): Promise<void> {
  const settings = await namedNode(options);
  const status = await askStatus(settings, signal);
  if (status === undefined) throw cliErrors.NODE_OFFLINE({ node: settings.name });
  for (const [label, text] of describe(status)) output.line(`${label.padEnd(12)}${text}`);
  output.result(status);
}

/**
 * `floe node health`: whether the node does its work. Ends with an error, and its exit code, unless a record was stored
 * and read back, every event of the ledger is handled but those of the last moments, and all shards are ready.
 */
export async function runNodeHealth(options: NodeOptions, output: Output, signal: AbortSignal): Promise<void> {
  const settings = await namedNode(options);
  const [probe, status] = await Promise.all([askProbe(settings, signal), askStatus(settings, signal)]);
  if (probe === undefined || status === undefined) throw cliErrors.NODE_OFFLINE({ node: settings.name });
  const problems = problemsOf(status, probe);
  output.line(`${settings.name}: ${problems.length === 0 ? 'healthy' : 'not healthy'}`);
  output.line(`  a record stored and read back: ${probe.ok ? `${probe.tookMs} ms` : (probe.problem ?? 'failed')}`);
  for (const problem of problems) output.line(`  ${problem}`);
  output.result({ node: settings.name, nodeId: status.nodeId, healthy: problems.length === 0, problems, probe });
  if (problems.length > 0) throw cliErrors.NODE_UNHEALTHY({ node: settings.name, problems });
}

/** What keeps a node from being healthy, in words. */
export function problemsOf(
  {
    health,
    checkpointsBehind,
    failingNodes,
    nodeId,
  }: Pick<AdminStatus, 'health' | 'checkpointsBehind' | 'failingNodes' | 'nodeId'>,
  probe: Pick<ProbeResult, 'ok' | 'problem'>,
): string[] {
  const { owned, ownedShardStatus } = health.shardSummary;
  const notReady = owned - ownedShardStatus.ready;
  return [
    ...(probe.ok ? [] : [`its disk does not keep what is stored: ${probe.problem ?? 'unknown reason'}`]),
    ...(checkpointsBehind === undefined ? ['its ledger does not answer'] : []),
    ...((checkpointsBehind ?? 0) > MOMENTARY_CHECKPOINTS
      ? [`it is ${checkpointsBehind} checkpoints behind its ledger`]
      : []),
    ...(notReady > 0 ? [`${notReady} of its ${owned} shards are not ready: ${countsText(ownedShardStatus)}`] : []),
    ...(failingNodes.includes(nodeId) ? ['the others say that it fails their challenges'] : []),
  ];
}

function describe(status: AdminStatus): [label: string, text: string][] {
  const { health, store, healing, disk } = status;
  const { owned, ownedShardStatus, readOnly } = health.shardSummary;
  const up = formatDuration(health.uptime.secs * 1000);
  const behind = status.checkpointsBehind;
  return [
    [
      'node',
      `${status.name} (${status.nodeId}), process ${status.pid}, up ${up}, ${formatBytes(status.residentBytes)} resident`,
    ],
    ['epoch', `${status.epoch}, ${health.nodeStatus}`],
    [
      'shards',
      owned + readOnly === 0
        ? 'none'
        : `${owned} owned: ${countsText(ownedShardStatus)}${readOnly > 0 ? `; ${readOnly} kept for others` : ''}`,
    ],
    [
      'blobs',
      `${status.blobs} known, ${store.slivers} slivers in ${store.segments} segments, ${formatBytes(store.liveBytes)}`,
    ],
    ['disk', `${formatBytes(store.fileBytes + disk.databaseBytes)} used, ${formatBytes(disk.freeBytes)} free`],
    [
      'ledger',
      behind === undefined ? 'does not answer' : behind === 0 ? 'all events handled' : `${behind} checkpoints behind`,
    ],
    [
      'healing',
      healing.active + healing.waiting === 0
        ? 'nothing to heal'
        : `${healing.active} blobs under way, ${healing.waiting} waiting`,
    ],
    ['scrubbing', scrubText(status)],
    ['challenges', challengesText(status.challenges)],
    ...(status.failingNodes.length > 0 ? [['failing', status.failingNodes.join(', ')] as [string, string]] : []),
    ...(store.damaged > 0
      ? [['damaged', `${store.damaged} records found damaged and set aside so far`] as [string, string]]
      : []),
  ];
}

function countsText(counts: Readonly<Record<string, number>>): string {
  const names: Readonly<Record<string, string>> = {
    ready: 'ready',
    inTransfer: 'in transfer',
    inRecovery: 'in recovery',
    unknown: 'unknown',
  };
  const parts = Object.entries(counts).filter(([, count]) => count > 0);
  return parts.map(([name, count]) => `${count} ${names[name] ?? name}`).join(', ') || 'none';
}

function scrubText({ scrub, store }: AdminStatus): string {
  const { passes, bytes, bad, lastPass } = scrub;
  const share = store.liveBytes === 0 ? 100 : Math.min(100, Math.floor((bytes / store.liveBytes) * 100));
  const last = lastPass === undefined ? '' : `, the last whole one ended ${new Date(lastPass.endedMs).toISOString()}`;
  return `${passes} whole passes${last}; ${share} % of the next, ${bad} bad slivers in it`;
}

function challengesText(results: readonly ChallengeResult[]): string {
  const total = { passed: 0, failed: 0, silent: 0 };
  for (const { passed, failed, silent } of results) {
    total.passed += passed;
    total.failed += failed;
    total.silent += silent;
  }
  const { passed, failed, silent } = total;
  return `put to ${results.length} nodes in this epoch: ${passed} passed, ${failed} failed, ${silent} unanswered`;
}
