/** `floe node status`: what a running node says of itself. */
import type { ChallengeResult } from '@floe/protocol';
import { formatDuration } from '../durations.ts';
import { cliErrors } from '../errors.ts';
import { type AdminStatus, askStatus } from '../node-admin.ts';
import { formatBytes, type Output } from '../output.ts';
import { type NodeOptions, namedNode } from './node-care.ts';

export async function runNodeStatus(options: NodeOptions, output: Output, signal: AbortSignal): Promise<void> {
  const settings = await namedNode(options);
  const status = await askStatus(settings, signal);
  if (status === undefined) throw cliErrors.NODE_OFFLINE({ node: settings.name });
  for (const [label, text] of describe(status)) output.line(`${label.padEnd(12)}${text}`);
  output.result(status);
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
