/** What a node says about itself: health (Walrus storage node rules) and Floe's capabilities (an extension). */
import type { FloeError } from '@floe/platform';
import { type BlobId, type Epoch, type NodeId, parseBlobId, parseObjectId } from '../ids.ts';
import { MAX_SHARDS } from '../limits.ts';
import { envelopeErrors } from './envelopes.ts';

/** Blobs or nodes that an answer may name. */
const MAX_NAMED = 10_000;

export type ShardStatus = 'unknown' | 'ready' | 'inTransfer' | 'inRecovery' | 'readOnly';

export interface ShardHealth {
  readonly shard: number;
  readonly status: ShardStatus;
}

/** Whether something that the node stored just now was read back. */
export interface ProbeResult {
  readonly ok: boolean;
  /** Why not. */
  readonly problem?: string;
  /** How long it took. */
  readonly tookMs: number;
  /** How long ago it ended. */
  readonly ageMs: number;
}

/** The `data` of `GET /v1/health`, as it is in JSON. */
export interface NodeHealth {
  /** Only when details are asked for, by nodes that offer it. */
  readonly probe?: ProbeResult;
  readonly uptime: { readonly secs: number; readonly nanos: number };
  readonly epoch: number;
  /** BLS key in standard base64. */
  readonly publicKey: string;
  readonly nodeStatus: string;
  readonly eventProgress: {
    /** Events whose effects are durable. */
    readonly persisted: number;
    /** Events under way beyond those. */
    readonly pending: number;
    readonly highestFinishedEventIndex: number | null;
  };
  readonly shardSummary: {
    /** Assigned by the latest committee. */
    readonly owned: number;
    readonly ownedShardStatus: Readonly<Record<'unknown' | 'ready' | 'inTransfer' | 'inRecovery', number>>;
    readonly readOnly: number;
  };
  /** Only when asked for; by shard. */
  readonly shardDetail?: { readonly owned: readonly ShardHealth[]; readonly other: readonly ShardHealth[] };
  readonly latestCheckpointSequenceNumber?: number;
}

/**
 * Checks what a client reads: `uptime`, `epoch`, `publicKey`, `nodeStatus`, `eventProgress`, `shardSummary`.
 * @throws MALFORMED_RESPONSE
 */
export function parseNodeHealth(json: unknown): NodeHealth {
  const health = record(json, 'health');
  const uptime = record(health['uptime'], 'health uptime');
  const progress = record(health['eventProgress'], 'health eventProgress');
  const summary = record(health['shardSummary'], 'health shardSummary');
  const statuses = record(summary['ownedShardStatus'], 'health ownedShardStatus');
  const numbers = [
    [uptime, 'secs'],
    [uptime, 'nanos'],
    [health, 'epoch'],
    [progress, 'persisted'],
    [progress, 'pending'],
    [summary, 'owned'],
    [summary, 'readOnly'],
    ...(['unknown', 'ready', 'inTransfer', 'inRecovery'] as const).map((name) => [statuses, name] as const),
  ] as const;
  for (const [fields, name] of numbers) expectType(fields, name, 'number');
  expectType(health, 'publicKey', 'string');
  expectType(health, 'nodeStatus', 'string');
  return health as unknown as NodeHealth;
}

/** The `data` of `GET /v1/capabilities`. A node that does not know the route (404) has none. */
export interface NodeCapabilities {
  /** Version of Floe's extensions. */
  readonly floe: 1;
  /** Whether `GET /v1/challenges` and `GET /v1/redundancy` are offered. */
  readonly challenges?: true;
  readonly redundancy?: true;
  /** Batched slivers, when offered. */
  readonly batchedSlivers?: {
    /** Most slivers in one batched read. */
    readonly maxReadSlivers: number;
    /** Most slivers in one batched upload. */
    readonly maxUploadSlivers: number;
  };
}

/** @throws MALFORMED_RESPONSE */
export function parseNodeCapabilities(json: unknown): NodeCapabilities {
  const fields = record(json, 'capabilities');
  if (fields['floe'] !== 1) throw malformed('capabilities', 'floe version 1', String(fields['floe']).slice(0, 40));
  const offers = {
    ...(fields['challenges'] === true && { challenges: true as const }),
    ...(fields['redundancy'] === true && { redundancy: true as const }),
  };
  if (fields['batchedSlivers'] === undefined) return { floe: 1, ...offers };
  const batched = record(fields['batchedSlivers'], 'batchedSlivers');
  return {
    floe: 1,
    ...offers,
    batchedSlivers: {
      maxReadSlivers: positive(batched, 'maxReadSlivers'),
      maxUploadSlivers: positive(batched, 'maxUploadSlivers'),
    },
  };
}

/** The `data` of `GET /v1/redundancy`: what the answering node lacks of what it owes, counted now. */
export interface NodeRedundancy {
  readonly epoch: Epoch;
  /** Undefined while the first count of what the node owes in this epoch is under way. */
  readonly count?: {
    readonly ageMs: number;
    /** Certified blobs. */
    readonly blobs: number;
    /** Those of which the node lacks metadata or a sliver. */
    readonly incomplete: number;
    /** The first of those. */
    readonly sample: readonly BlobId[];
  };
  /** Blobs that wait to be healed, and that are being healed. */
  readonly healing: { readonly waiting: number; readonly active: number };
  readonly scrub: {
    /** Whole passes over everything stored. */
    readonly passes: number;
    /** When the last one ended, since the Unix epoch. */
    readonly lastEndedMs?: number;
  };
  /** Nodes that fail their challenges in this epoch, in this node's view. */
  readonly failingNodes: readonly NodeId[];
}

/** @throws MALFORMED_RESPONSE, INVALID_BLOB_ID, INVALID_OBJECT_ID */
export function parseNodeRedundancy(json: unknown): NodeRedundancy {
  const fields = record(json, 'redundancy');
  const healing = record(fields['healing'], 'healing');
  const scrub = record(fields['scrub'], 'scrub');
  const counted = fields['count'] === undefined ? undefined : record(fields['count'], 'count');
  return {
    epoch: count(fields, 'epoch') as Epoch,
    ...(counted && {
      count: {
        ageMs: count(counted, 'ageMs'),
        blobs: count(counted, 'blobs'),
        incomplete: count(counted, 'incomplete'),
        sample: texts(counted, 'sample').map(parseBlobId),
      },
    }),
    healing: { waiting: count(healing, 'waiting'), active: count(healing, 'active') },
    scrub: {
      passes: count(scrub, 'passes'),
      ...(typeof scrub['lastEndedMs'] === 'number' && { lastEndedMs: scrub['lastEndedMs'] }),
    },
    failingNodes: texts(fields, 'failingNodes').map((text) => parseObjectId(text) as NodeId),
  };
}

/** A list of texts, bounded. */
function texts(fields: Record<string, unknown>, name: string): string[] {
  const list = fields[name];
  if (!Array.isArray(list) || list.length > MAX_NAMED || list.some((item) => typeof item !== 'string')) {
    throw malformed(`field ${name}`, `a list of at most ${MAX_NAMED} texts`, typeof list);
  }
  return list as string[];
}

/** What the challenges of one node to another came to in an epoch. */
export interface ChallengeResult {
  /** The node that was asked. */
  readonly nodeId: NodeId;
  /** It proved the symbol; it answered with something else; it did not answer. */
  readonly passed: number;
  readonly failed: number;
  readonly silent: number;
}

/** The `data` of `GET /v1/challenges?epoch=`: the answering node's results of that epoch. */
export interface ChallengeResults {
  readonly epoch: Epoch;
  readonly results: readonly ChallengeResult[];
}

/** @throws MALFORMED_RESPONSE, INVALID_OBJECT_ID */
export function parseChallengeResults(json: unknown): ChallengeResults {
  const fields = record(json, 'challenges');
  const results = fields['results'];
  if (!Array.isArray(results) || results.length > MAX_SHARDS) {
    throw malformed('results', `a list of at most ${MAX_SHARDS}`, typeof results);
  }
  return {
    epoch: count(fields, 'epoch') as Epoch,
    results: results.map((each: unknown) => {
      const result = record(each, 'result');
      const nodeId = parseObjectId(String(result['nodeId'])) as NodeId;
      return {
        nodeId,
        passed: count(result, 'passed'),
        failed: count(result, 'failed'),
        silent: count(result, 'silent'),
      };
    }),
  };
}

function count(fields: Record<string, unknown>, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    throw malformed(`field ${name}`, 'a 32-bit count', String(value).slice(0, 40));
  }
  return value;
}

function positive(fields: Record<string, unknown>, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
    throw malformed(`field ${name}`, 'a positive integer', String(value).slice(0, 40));
  }
  return value;
}

function expectType(fields: Record<string, unknown>, name: string, type: 'number' | 'string'): void {
  if (typeof fields[name] !== type) throw malformed(`field ${name}`, `a ${type}`, typeof fields[name]);
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(what, 'an object', typeof value);
  return value as Record<string, unknown>;
}

function malformed(what: string, expected: string, came: string): FloeError {
  return envelopeErrors.MALFORMED_RESPONSE({ what, expected, came });
}
