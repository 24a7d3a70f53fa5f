/**
 * Every setting of a storage node: its key, what it takes, what it means. The check at the start, the commented file
 * that `floe node init` writes, the environment variables and docs/CONFIGURATION.md are all made from this table, so
 * that a setting added here is checked and described everywhere.
 */
import { NODE_LIMITS } from '@floe/node';
import { LOG_LEVELS } from '../log-level.ts';
import {
  capacity,
  choice,
  constant,
  duration,
  flag,
  frost,
  hostAndPort,
  httpUrl,
  objectId,
  path,
  rate,
  share,
  size,
  text,
  type RawValue,
  type ValueKind,
  wholeNumber,
} from './values.ts';

export interface Setting<T = unknown> {
  readonly kind: ValueKind<T>;
  /** Sentences for the file and the reference. */
  readonly doc: string;
  /** A file without it is refused. */
  readonly required: boolean;
  /** What holds when the file does not say. */
  readonly fallback?: RawValue;
  /** A value to show where there is no `fallback`. */
  readonly example?: RawValue;
}

interface Required<T> extends Setting<T> {
  readonly required: true;
}

interface WithFallback<T> extends Setting<T> {
  readonly required: false;
  readonly fallback: RawValue;
}

function required<T>(kind: ValueKind<T>, example: RawValue, doc: string): Required<T> {
  return { kind, doc, example, required: true };
}

function withFallback<T>(kind: ValueKind<T>, fallback: RawValue, doc: string): WithFallback<T> {
  return { kind, doc, fallback, required: false };
}

function optional<T>(kind: ValueKind<T>, example: RawValue, doc: string): Setting<T> {
  return { kind, doc, example, required: false };
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TIB = 2 ** 40;
const SECOND = 1000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const OBJECT = `0x${'5'.repeat(64)}`;

export const SECTIONS: Readonly<Record<string, string>> = {
  listen: 'Where this node accepts connections.',
  ledger: 'The ledger of the network, as its network.json names it.',
  parameters: 'What the node votes for and takes. What is left out stays as it is on the ledger.',
  tls: 'How the node is known on its connections.',
  profile: 'What explorers show; written to the ledger by `floe node register`.',
  metrics: 'What Prometheus collects, at GET /metrics of a port of its own; without a port nowhere.',
  log: 'The log goes to standard error, one JSON object a line.',
  limits: 'How much of the machine the node takes. The other limits are fixed: docs/LIMITS.md lists all.',
};

const SETTINGS = {
  format: required(constant('floe-node'), 'floe-node', 'What this file is.'),
  version: required(constant(1), 1, 'Version of its format.'),
  name: required(text('a name', { max: 100 }), 'north', 'What the node is called, on the ledger, in logs and metrics.'),
  region: withFallback(
    text('a label'),
    'default',
    'Where it stands: a label for people. The shards of a region can be lost together.',
  ),
  nodeId: optional(objectId, OBJECT, 'Its id on the ledger. `floe node register` writes it here.'),
  address: optional(
    hostAndPort,
    'node.example.org:9185',
    'Where clients and other nodes reach it; written to the ledger by `floe node register`.',
  ),
  'listen.host': withFallback(
    text('a host name or address', { max: 255 }),
    '127.0.0.1',
    'Address to listen on; "0.0.0.0" for all.',
  ),
  'listen.port': withFallback(wholeNumber(0, 65_535), 9185, 'Port to listen on; 0 takes a free one.'),
  'ledger.url': required(httpUrl, 'https://ledger.example.org', 'Its gRPC service.'),
  'ledger.systemObjectId': required(objectId, OBJECT, 'Its system object.'),
  'ledger.stakingObjectId': required(objectId, OBJECT, 'Its staking object.'),
  'ledger.subsidiesObjectId': optional(
    objectId,
    OBJECT,
    'Its pool of subsidies, where it has one: the node then has them processed before and after each change of epoch.',
  ),
  blsKeyFile: withFallback(path, 'bls.key', 'The key (BLS12-381) with which the node signs what it holds.'),
  nextProtocolKeyFile: optional(
    path,
    'next-bls.key',
    'The key to change to, made by `floe node make-key`: the node announces it on the ledger, and signs with it from the epoch on whose committee has it. After that it can be configured as `blsKeyFile`. Both stay until then.',
  ),
  operatorKeyFile: optional(
    path,
    'operator.json',
    "The wallet of the account that holds the node's capability and pays for gas. Without it the node does nothing on the ledger: it attests no shards.",
  ),
  dataDirectory: withFallback(path, 'data', 'Slivers and databases.'),
  denyListFile: optional(
    path,
    'deny-list.txt',
    'Blobs that the node neither takes from clients nor serves: one blob id a line. Read again when it has changed.',
  ),
  reserveBytes: withFallback(
    size(0, 1024 * TIB),
    '256MiB',
    'Stores stop when the volume has less free; what is left pays for deletes and compaction.',
  ),
  networkKeyFile: withFallback(
    path,
    'network.key',
    'The key (P-256) of its connections; the ledger has its public half.',
  ),
  'tls.certificateFile': optional(
    path,
    'chain.pem',
    'Certificate of an authority for that key, with its chain, in PEM: browsers want one. Read again every hour. Without it the node signs one itself, and clients and nodes check its key.',
  ),
  plainHttp: optional(
    flag,
    true,
    'Serves without TLS: for development, or behind a proxy that ends TLS with the key above.',
  ),
  plainHttpPeers: optional(flag, true, 'Calls the other nodes without TLS: only where all of them serve so.'),
  'parameters.storagePrice': optional(frost, '100000FROST', 'Vote: price per encoded MiB and epoch.'),
  'parameters.writePrice': optional(frost, '20000FROST', 'Vote: price per encoded MiB written.'),
  'parameters.capacity': optional(capacity, '10TiB', 'Vote: encoded bytes that the node offers.'),
  'parameters.commissionBasisPoints': optional(
    share,
    '6%',
    'What the node keeps of its rewards. A change takes effect in the epoch after the next.',
  ),
  'profile.imageUrl': optional(httpUrl, 'https://example.org/north.png', 'A picture.'),
  'profile.projectUrl': optional(httpUrl, 'https://example.org', 'A home page.'),
  'profile.description': optional(text('a text', { min: 0 }), 'Run by Example Ltd.', 'A description.'),
  'metrics.host': withFallback(
    text('a host name or address', { max: 255 }),
    '127.0.0.1',
    'Address to listen on; whoever reaches it may read them.',
  ),
  'metrics.port': optional(wholeNumber(0, 65_535), 9184, 'Port to listen on; 0 takes a free one, and logs it.'),
  'log.level': withFallback(choice(...LOG_LEVELS), 'info', 'Least important messages that are written.'),
  'limits.dataReads': withFallback(wholeNumber(1, 10_000), NODE_LIMITS.dataReads, 'Reads of slivers at once.'),
  'limits.dataWrites': withFallback(wholeNumber(1, 10_000), NODE_LIMITS.dataWrites, 'Uploads of slivers at once.'),
  'limits.readBytes': withFallback(size(MIB, TIB), '256MiB', 'Memory for answers with slivers or symbols.'),
  'limits.writeBytes': withFallback(size(MIB, TIB), '256MiB', 'Memory for uploads of slivers that the node lacks.'),
  'limits.pendingSliverBytes': withFallback(
    size(0, TIB),
    '1GiB',
    'Memory for slivers that came before their blob was registered.',
  ),
  'limits.metadataCacheBytes': withFallback(size(0, TIB), '16MiB', 'Memory for verified metadata.'),
  'limits.databaseBytes': withFallback(
    size(64 * MIB, 1024 * TIB),
    '1TiB',
    'Largest database: metadata, index and registry. Stores stop a sixteenth before it.',
  ),
  'limits.segmentBytes': withFallback(size(MIB, 64 * GIB), '256MiB', 'Size at which a file of slivers is closed.'),
  'limits.scrubPeriodMs': withFallback(
    duration(SECOND, 365 * DAY),
    '7d',
    'Everything held is read and checked once in this time, if the rates below allow.',
  ),
  'limits.scrubMinBytesPerSecond': withFallback(rate(1, TIB), '1MiB/s', 'Scrubbing reads at least this much.'),
  'limits.scrubMaxBytesPerSecond': withFallback(rate(1, TIB), '16MiB/s', 'Scrubbing never reads more than this.'),
  'limits.collectIntervalMs': withFallback(
    duration(SECOND, 365 * DAY),
    '1h',
    'How often garbage is collected, besides at the beginning of an epoch.',
  ),
  'limits.healingBlobs': withFallback(wholeNumber(1, 10_000), NODE_LIMITS.healingBlobs, 'Blobs healed at once.'),
  'limits.healingBytes': withFallback(size(MIB, TIB), '128MiB', 'Memory for healing.'),
  'limits.healingYield': withFallback(
    wholeNumber(1, 1000),
    NODE_LIMITS.healingYield,
    'While clients are being served, healing works for one part in this many of the time.',
  ),
  'limits.shardTransfers': withFallback(
    wholeNumber(1, 1000),
    NODE_LIMITS.shardTransfers,
    'Shards that are copied from their old owners at once.',
  ),
  'limits.uploadGraceMs': withFallback(
    duration(0, DAY),
    '15s',
    'How long after a certification its upload may go on before the node recovers the blob itself.',
  ),
  'limits.challengesPerPeer': withFallback(
    wholeNumber(0, 100_000),
    NODE_LIMITS.challengesPerPeer,
    'Challenges put to each other node in an epoch.',
  ),
  'limits.challengeIntervalMs': withFallback(duration(1, DAY), '2s', 'Between two challenges, on average.'),
  'limits.denyListReloadMs': withFallback(
    duration(10, DAY),
    '30s',
    'How often the node looks whether the file of denied blobs has changed.',
  ),
  'limits.shutdownMs': withFallback(
    duration(0, HOUR),
    '1min',
    'How long a node that is told to end waits for requests under way.',
  ),
} as const;

export type SettingKey = keyof typeof SETTINGS;

export const SETTING_KEYS = Object.keys(SETTINGS) as SettingKey[];

/** The setting as every setting can be treated. */
export function settingOf(key: SettingKey): Setting {
  return SETTINGS[key];
}

type ValueOf<S> = S extends { readonly required: true; readonly kind: ValueKind<infer T> }
  ? T
  : S extends { readonly fallback: RawValue; readonly required: false; readonly kind: ValueKind<infer T> }
    ? T
    : S extends { readonly kind: ValueKind<infer T> }
      ? T | undefined
      : never;

/** All settings, checked. */
export type SettingValues = { readonly [K in SettingKey]: ValueOf<(typeof SETTINGS)[K]> };

/** Settings as they stand in a file. */
export type RawSettings = Partial<Record<SettingKey, RawValue>>;

/** The section of a key, or an empty text. */
export function sectionOf(key: string): string {
  return key.slice(0, Math.max(0, key.indexOf('.')));
}

/** The environment variable that overrides a setting: `FLOE_NODE_LEDGER_URL` for `ledger.url`. */
export function variableOf(key: string): string {
  return `FLOE_NODE_${key
    .replaceAll('.', '_')
    .replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '_')
    .toUpperCase()}`;
}
