/**
 * What an operator can ask of a running node: its status, a collection of garbage, a backup. Served on loopback to
 * whoever may read `admin.json` in the node's directory; never on the address where the node serves clients.
 *
 * Work that takes long is answered line by line, one JSON value each: `{progress}` as often as there is some, at last
 * `{result}` or `{error}`. A caller that leaves ends the work.
 */
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CollectionReport, StorageNode, StorageNodeStatus } from '@floe/node';
import { FloeError, type ErrorKind, type Logger } from '@floe/platform';
import { type CopyableStore, nodeFileSystem, systemClock } from '@floe/platform/node';
import type { LedgerClient } from '@floe/contracts';
import type { ProbeResult } from '@floe/protocol';
import { cliErrors } from './errors.ts';
import { ADMIN_LEDGER_TIMEOUT_MS, ADMIN_PROGRESS_MS } from './limits.ts';
import { callLocally, describeFailure, errorAnswer, serveLocally } from './local-service.ts';
import { backUp, type BackupOptions } from './node-backup/backup.ts';
import type { NodeSettings } from './node-config.ts';
import { toJson } from './output.ts';

const ADMIN_FILE = 'admin.json';

/** What `GET /status` answers; amounts that JSON cannot hold as texts. */
export interface AdminStatus extends StorageNodeStatus {
  readonly name: string;
  readonly pid: number;
  readonly residentBytes: number;
  readonly disk: { readonly freeBytes: number; readonly databaseBytes: number };
  /** Checkpoints of the ledger whose events are not handled yet; undefined when the ledger does not say where it ends. */
  readonly checkpointsBehind?: number;
}

interface AdminModules {
  readonly settings: NodeSettings;
  readonly node: StorageNode;
  readonly store: CopyableStore;
  readonly ledger: LedgerClient;
  readonly logger: Logger;
}

/** Serves until closed. */
export function serveAdmin(modules: AdminModules): Promise<{ close(): Promise<void> }> {
  const { node } = modules;
  return serveLocally(adminFile(modules.settings), async (request) => {
    const route = `${request.method} ${new URL(request.url).pathname}`;
    try {
      if (route === 'GET /status') return json(await statusOf(modules, request.signal));
      if (route === 'POST /probe') return json(await node.probe());
      if (route === 'POST /gc') {
        const { isDryRun } = (await request.json()) as { isDryRun: boolean };
        return lines(request.signal, async () => (await node.collectGarbage({ isDryRun })) ?? null);
      }
      if (route === 'POST /backup') {
        const options = (await request.json()) as BackupOptions;
        return lines(request.signal, (onProgress, signal) => runBackup(options, modules, onProgress, signal));
      }
      return new Response(null, { status: 404 });
    } catch (error) {
      return errorAnswer(error);
    }
  });
}

function runBackup(
  options: BackupOptions,
  { settings, node, store, logger }: AdminModules,
  onProgress: (progress: unknown) => void,
  signal: AbortSignal,
): Promise<unknown> {
  logger.info('backing up', { destination: options.destination });
  const modules = { settings, store, onProgress, nowMs: () => systemClock.nowMs(), signal };
  return node.withoutCollecting(() => backUp(options, modules), signal);
}

async function statusOf({ settings, node, ledger }: AdminModules, signal: AbortSignal): Promise<AdminStatus> {
  const status = node.status();
  const { dataDirectory } = settings;
  const timely = AbortSignal.any([signal, AbortSignal.timeout(ADMIN_LEDGER_TIMEOUT_MS)]);
  const [freeBytes, databaseBytes, latest] = await Promise.all([
    nodeFileSystem.freeBytes(dataDirectory),
    stat(join(dataDirectory, 'db', 'data.mdb')).then(({ size }) => size),
    ledger.chain({ signal: timely }).then(
      ({ latestCheckpoint }) => Number(latestCheckpoint),
      () => undefined,
    ),
  ]);
  const { latestCheckpointSequenceNumber: handled = -1 } = status.health;
  return {
    name: settings.name,
    pid: process.pid,
    residentBytes: process.memoryUsage().rss,
    ...status,
    disk: { freeBytes, databaseBytes },
    ...(latest === undefined ? {} : { checkpointsBehind: Math.max(0, latest - handled) }),
  };
}

/** The status of the node with these settings; undefined when it does not run. */
export async function askStatus(settings: NodeSettings, signal: AbortSignal): Promise<AdminStatus | undefined> {
  const request = { method: 'GET', target: '/status', signal } as const;
  const response = await callLocally(adminFile(settings), request);
  return (await response?.json()) as AdminStatus | undefined;
}

/** What the node's disk made of a record that was stored and read back; undefined when the node does not run. */
export async function askProbe(settings: NodeSettings, signal: AbortSignal): Promise<ProbeResult | undefined> {
  const response = await callLocally(adminFile(settings), { method: 'POST', target: '/probe', signal });
  return (await response?.json()) as ProbeResult | undefined;
}

/** What a collection did, null when the node has not caught up with its ledger; undefined when it does not run. */
export function askCollection(
  settings: NodeSettings,
  isDryRun: boolean,
  signal: AbortSignal,
): Promise<CollectionReport | null | undefined> {
  return askAtLength(settings, '/gc', { isDryRun }, () => undefined, signal);
}

/** Asks for work that takes long; undefined when the node does not run. @throws what the node answers */
export async function askAtLength<Result, Progress>(
  settings: NodeSettings,
  target: string,
  body: unknown,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const response = await callLocally(adminFile(settings), { method: 'POST', target, body, signal });
  if (response === undefined) return undefined;
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const parts = text.split('\n');
    text = parts.pop() ?? '';
    for (const part of parts) {
      const line = JSON.parse(part) as {
        progress?: Progress;
        result?: Result;
        error?: ConstructorParameters<typeof FloeError>[0];
      };
      if (line.error !== undefined)
        throw new FloeError(line.error as { code: string; kind: ErrorKind; message: string });
      if ('result' in line) return line.result as Result;
      if (line.progress !== undefined) onProgress(line.progress);
    }
  }
  signal.throwIfAborted();
  throw cliErrors.NODE_NOT_READY({ node: settings.name, detail: 'it ended while it was at work' });
}

function adminFile({ path }: NodeSettings): string {
  return join(dirname(path), ADMIN_FILE);
}

/** Runs `work`; its progress is sent on at most once in a while, and at least that often something is, so that nobody takes it for dead. */
function lines(
  callerGone: AbortSignal,
  work: (onProgress: (progress: unknown) => void, signal: AbortSignal) => Promise<unknown>,
): Response {
  const left = new AbortController();
  const signal = AbortSignal.any([callerGone, left.signal]);
  let latest: unknown = null;
  const body = new ReadableStream<Uint8Array>({
    start: async (controller) => {
      const send = (line: unknown): void => {
        if (!signal.aborted) controller.enqueue(new TextEncoder().encode(`${toJson(line, 0)}\n`));
      };
      const timer = setInterval(() => send({ progress: latest }), ADMIN_PROGRESS_MS);
      try {
        const result = await work((progress) => (latest = progress), signal);
        send({ result });
        controller.close();
      } catch (error) {
        if (signal.aborted) return;
        send({ error: describeFailure(error) });
        controller.close();
      } finally {
        clearInterval(timer);
      }
    },
    cancel: () => left.abort(),
  });
  return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } });
}

function json(value: unknown): Response {
  return new Response(toJson(value), { headers: { 'content-type': 'application/json' } });
}
