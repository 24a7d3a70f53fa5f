/**
 * Every route of a storage node, once, for both sides: a client makes a request's path from a {@link NodeRoute}, a server
 * makes the same {@link NodeRoute} from a request's URL (Walrus storage node rules: route table). Paths name slivers by
 * their **pair** index.
 */
import { isFloeError } from '@floe/platform';
import {
  AXES,
  type Axis,
  type BlobId,
  type Epoch,
  type ObjectId,
  parseBlobId,
  parseObjectId,
  type SliverIndex,
  type SliverPairIndex,
} from '../ids.ts';
import { MAX_QUERY_ITEMS } from '../limits.ts';
import type { Persistence } from '../messages.ts';
import { parseSymbolId, type SymbolId, symbolIdText } from '../symbols.ts';

interface OfBlob<Name extends string> {
  readonly name: Name;
  readonly blobId: BlobId;
}

interface OfSliver<Name extends string> extends OfBlob<Name> {
  readonly pair: SliverPairIndex;
  readonly axis: Axis;
}

/** Upload before registration: the node may buffer it. */
interface Pending {
  readonly pending: boolean;
}

export interface ConfirmationRoute extends OfBlob<'getConfirmation'> {
  readonly persistence: Persistence;
  /** Ask the node to wait for the registration instead of refusing at once. */
  readonly waitForRegistration: boolean;
  readonly waitMs?: number;
}

export interface RecoverySymbolsRoute extends OfBlob<'getRecoverySymbols'> {
  /** Axis of the sliver that the symbols are taken from; either when absent. */
  readonly proofAxis?: Axis;
  readonly filter:
    | { readonly kind: 'ids'; readonly ids: readonly SymbolId[] }
    | { readonly kind: 'target'; readonly axis: Axis; readonly index: SliverIndex };
}

export interface DecodingSymbolsRoute extends OfBlob<'getDecodingSymbols'> {
  readonly axis: Axis;
  readonly targets: readonly SliverIndex[];
}

/** A batched read; an extension behind the capabilities. */
export interface SliverBatchRoute extends OfBlob<'getSliverBatch'> {
  readonly primary: readonly SliverPairIndex[];
  readonly secondary: readonly SliverPairIndex[];
}

export type NodeRoute =
  | OfBlob<'getMetadata'>
  | (OfBlob<'putMetadata'> & Pending)
  | OfBlob<'getMetadataStatus'>
  | OfSliver<'getSliver'>
  | (OfSliver<'putSliver'> & Pending)
  | OfSliver<'getSliverStatus'>
  | ConfirmationRoute
  | RecoverySymbolsRoute
  | DecodingSymbolsRoute
  | (OfBlob<'postInconsistencyProof'> & { readonly axis: Axis })
  | OfBlob<'getBlobStatus'>
  | { readonly name: 'getHealth'; readonly detailed: boolean }
  | { readonly name: 'postSyncShard' }
  | { readonly name: 'getApi' }
  | { readonly name: 'getCapabilities' }
  | { readonly name: 'getChallenges'; readonly epoch: Epoch }
  | { readonly name: 'getRedundancy' }
  | SliverBatchRoute
  | (OfBlob<'putSliverBatch'> & Pending);

export type NodeRouteName = NodeRoute['name'];
export type NodeMethod = 'GET' | 'PUT' | 'POST';

/** What a server makes of a request line. A refusal is answered in plain text, as the routes are not known yet. */
export type RouteMatch =
  | { readonly kind: 'route'; readonly route: NodeRoute }
  | { readonly kind: 'refused'; readonly httpStatus: 400 | 404 | 405; readonly message: string };

/** Method, and path with query, of a request to a node: `url = origin + target`. */
export function nodeRequest(route: NodeRoute): { method: NodeMethod; target: string } {
  const method = route.name.startsWith('get') ? 'GET' : route.name.startsWith('put') ? 'PUT' : 'POST';
  return { method, target: `/v1${targetOf(route)}` };
}

/** What a URL without an origin is read against. */
const BASE = 'http://node.invalid';

/** The route that a request names. `url` may be absolute or start with a slash. */
export function matchNodeRoute(method: string, url: string): RouteMatch {
  if (!URL.canParse(url, BASE)) return { kind: 'refused', httpStatus: 404, message: '' };
  const { pathname, searchParams } = new URL(url, BASE);
  const segments = pathname.split('/').slice(1);
  const shape = SHAPES.find((candidate) => fits(candidate.segments, segments));
  if (shape === undefined) return { kind: 'refused', httpStatus: 404, message: '' };
  const parse = Object.hasOwn(shape.methods, method) ? shape.methods[method as NodeMethod] : undefined;
  if (parse === undefined) return { kind: 'refused', httpStatus: 405, message: '' };
  try {
    return { kind: 'route', route: parse(new Path(shape.segments, segments), new Query(searchParams)) };
  } catch (error) {
    if (error instanceof RefusedRoute || isFloeError(error)) {
      return { kind: 'refused', httpStatus: 400, message: error.message };
    }
    throw error;
  }
}

function targetOf(route: NodeRoute): string {
  if (!('blobId' in route)) {
    switch (route.name) {
      case 'getHealth':
        return route.detailed ? '/health?detailed=true' : '/health';
      case 'postSyncShard':
        return '/migrate/sync_shard';
      case 'getApi':
        return '/api';
      case 'getCapabilities':
        return '/capabilities';
      case 'getRedundancy':
        return '/redundancy';
      case 'getChallenges':
        return `/challenges?epoch=${route.epoch}`;
    }
  }
  return `/blobs/${route.blobId}/${blobTarget(route)}`;
}

function blobTarget(route: Extract<NodeRoute, { blobId: BlobId }>): string {
  switch (route.name) {
    case 'getMetadata':
      return 'metadata';
    case 'putMetadata':
      return `metadata${pendingQuery(route)}`;
    case 'getMetadataStatus':
      return 'metadata/status';
    case 'getSliver':
      return `slivers/${route.pair}/${route.axis}`;
    case 'putSliver':
      return `slivers/${route.pair}/${route.axis}${pendingQuery(route)}`;
    case 'getSliverStatus':
      return `slivers/${route.pair}/${route.axis}/status`;
    case 'getConfirmation':
      return `confirmation/${persistencePath(route.persistence)}${confirmationQuery(route)}`;
    case 'getRecoverySymbols':
      return `recoverySymbols?${recoveryQuery(route)}`;
    case 'getDecodingSymbols':
      return `decodingSymbols?${[...route.targets.map((t) => `targetSlivers=${t}`), `targetType=${route.axis}`].join('&')}`;
    case 'postInconsistencyProof':
      return `inconsistencyProof/${route.axis}`;
    case 'getBlobStatus':
      return 'status';
    case 'getSliverBatch':
      return `slivers?primary=${route.primary.join(',')}&secondary=${route.secondary.join(',')}`;
    case 'putSliverBatch':
      return `slivers${pendingQuery(route)}`;
  }
}

function pendingQuery(route: Pending): string {
  return route.pending ? '?pending=true' : '';
}

function persistencePath(persistence: Persistence): string {
  return persistence.kind === 'permanent' ? 'permanent' : `deletable/${persistence.objectId}`;
}

function confirmationQuery(route: ConfirmationRoute): string {
  if (!route.waitForRegistration) return '';
  return `?wait_for_registration=true${route.waitMs === undefined ? '' : `&wait_millis=${route.waitMs}`}`;
}

function recoveryQuery(route: RecoverySymbolsRoute): string {
  const axis = route.proofAxis === undefined ? [] : [`proofAxis=${route.proofAxis}`];
  const filter =
    route.filter.kind === 'ids'
      ? route.filter.ids.map((id) => `id=${symbolIdText(id)}`)
      : [`targetSliver=${route.filter.index}`, `targetType=${route.filter.axis}`];
  return [...filter, ...axis].join('&');
}

/** A wrong parameter or query: stays inside this file. */
class RefusedRoute extends Error {}

/** The named segments of a path. */
class Path {
  readonly #values: ReadonlyMap<string, string>;

  constructor(names: readonly string[], values: readonly string[]) {
    this.#values = new Map(names.map((name, i) => [name, values[i] ?? '']));
  }

  get blobId(): BlobId {
    return parseBlobId(this.#value(':blobId'));
  }

  get objectId(): ObjectId {
    return parseObjectId(this.#value(':objectId'));
  }

  get pair(): SliverPairIndex {
    return parseIndex(this.#value(':pair'), 'pair index') as SliverPairIndex;
  }

  get axis(): Axis {
    return parseAxis(this.#value(':axis'), 'sliver type');
  }

  #value(name: string): string {
    return this.#values.get(name) ?? '';
  }
}

/** A query of which every key must be taken; `end` refuses the rest. */
class Query {
  readonly #values = new Map<string, string[]>();

  constructor(params: URLSearchParams) {
    let count = 0;
    for (const [key, value] of params) {
      count += 1;
      if (count > MAX_QUERY_ITEMS + 8) throw new RefusedRoute(`query has more than ${MAX_QUERY_ITEMS + 8} values`);
      const known = this.#values.get(key);
      if (known === undefined) this.#values.set(key, [value]);
      else known.push(value);
    }
  }

  all(key: string): readonly string[] {
    const values = this.#values.get(key) ?? [];
    if (values.length > MAX_QUERY_ITEMS) {
      throw new RefusedRoute(`query has ${values.length} values of ${key}, at most ${MAX_QUERY_ITEMS} are allowed`);
    }
    this.#values.delete(key);
    return values;
  }

  one(key: string): string | undefined {
    const values = this.all(key);
    if (values.length > 1) throw new RefusedRoute(`query has ${key} ${values.length} times, expected once`);
    return values[0];
  }

  flag(key: string): boolean {
    const value = this.one(key);
    if (value === undefined || value === 'false') return false;
    if (value !== 'true') throw new RefusedRoute(`query ${key} is not true or false`);
    return true;
  }

  end<T>(route: T): T {
    const [unknown] = this.#values.keys();
    if (unknown !== undefined)
      throw new RefusedRoute(`query has an unknown key ${JSON.stringify(unknown.slice(0, 40))}`);
    return route;
  }
}

function parseIndex(text: string, what: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 0xffff)) throw new RefusedRoute(`${what} ${JSON.stringify(text.slice(0, 40))} is not 0..65535`);
  return value;
}

function parseAxis(text: string, what: string): Axis {
  const axis = AXES.find((candidate) => candidate === text);
  if (axis === undefined)
    throw new RefusedRoute(`${what} ${JSON.stringify(text.slice(0, 40))} is not primary or secondary`);
  return axis;
}

type Parse = (path: Path, query: Query) => NodeRoute;

interface Shape {
  readonly segments: readonly string[];
  readonly methods: Partial<Record<NodeMethod, Parse>>;
}

const SHAPES: readonly Shape[] = [
  shape('/v1/blobs/:blobId/metadata', {
    GET: (path) => ({ name: 'getMetadata', blobId: path.blobId }),
    PUT: (path, query) => query.end({ name: 'putMetadata', blobId: path.blobId, pending: query.flag('pending') }),
  }),
  shape('/v1/blobs/:blobId/metadata/status', { GET: (path) => ({ name: 'getMetadataStatus', blobId: path.blobId }) }),
  shape('/v1/blobs/:blobId/slivers/:pair/:axis', {
    GET: (path) => ({ name: 'getSliver', blobId: path.blobId, pair: path.pair, axis: path.axis }),
    PUT: (path, query) => {
      const { blobId, pair, axis } = path;
      return query.end({ name: 'putSliver', blobId, pair, axis, pending: query.flag('pending') });
    },
  }),
  shape('/v1/blobs/:blobId/slivers/:pair/:axis/status', {
    GET: (path) => ({ name: 'getSliverStatus', blobId: path.blobId, pair: path.pair, axis: path.axis }),
  }),
  shape('/v1/blobs/:blobId/slivers', {
    GET: parseSliverBatch,
    PUT: (path, query) => query.end({ name: 'putSliverBatch', blobId: path.blobId, pending: query.flag('pending') }),
  }),
  shape('/v1/blobs/:blobId/confirmation/permanent', {
    GET: (path, query) => parseConfirmation(path.blobId, { kind: 'permanent' }, query),
  }),
  shape('/v1/blobs/:blobId/confirmation/deletable/:objectId', {
    GET: (path, query) => parseConfirmation(path.blobId, { kind: 'deletable', objectId: path.objectId }, query),
  }),
  shape('/v1/blobs/:blobId/recoverySymbols', { GET: parseRecoverySymbols }),
  shape('/v1/blobs/:blobId/decodingSymbols', { GET: parseDecodingSymbols }),
  shape('/v1/blobs/:blobId/inconsistencyProof/:axis', {
    POST: (path) => ({ name: 'postInconsistencyProof', blobId: path.blobId, axis: path.axis }),
  }),
  shape('/v1/blobs/:blobId/status', { GET: (path) => ({ name: 'getBlobStatus', blobId: path.blobId }) }),
  shape('/v1/health', { GET: (_path, query) => query.end({ name: 'getHealth', detailed: query.flag('detailed') }) }),
  shape('/v1/migrate/sync_shard', { POST: () => ({ name: 'postSyncShard' }) }),
  shape('/v1/api', { GET: () => ({ name: 'getApi' }) }),
  shape('/v1/capabilities', { GET: () => ({ name: 'getCapabilities' }) }),
  shape('/v1/challenges', { GET: parseChallenges }),
  shape('/v1/redundancy', { GET: () => ({ name: 'getRedundancy' }) }),
];

function shape(pattern: string, methods: Shape['methods']): Shape {
  return { segments: pattern.split('/').slice(1), methods };
}

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  return pattern.length === segments.length && pattern.every((part, i) => part.startsWith(':') || part === segments[i]);
}

function parseChallenges(_path: Path, query: Query): NodeRoute {
  const text = query.one('epoch') ?? '';
  if (!/^\d{1,10}$/.test(text) || Number(text) > 0xffff_ffff) throw new RefusedRoute('query epoch is not an epoch');
  return query.end({ name: 'getChallenges', epoch: Number(text) as Epoch });
}

function parseConfirmation(blobId: BlobId, persistence: Persistence, query: Query): NodeRoute {
  const waitForRegistration = query.flag('wait_for_registration');
  const text = query.one('wait_millis');
  const waitMs = text === undefined ? undefined : Number(/^\d{1,15}$/.test(text) ? text : Number.NaN);
  if (Number.isNaN(waitMs)) throw new RefusedRoute('query wait_millis is not a number of milliseconds');
  return query.end({ name: 'getConfirmation', blobId, persistence, waitForRegistration, waitMs });
}

function parseRecoverySymbols(path: Path, query: Query): NodeRoute {
  const { blobId } = path;
  const axisText = query.one('proofAxis');
  const proofAxis = axisText === undefined ? undefined : parseAxis(axisText, 'query proofAxis');
  const ids = query.all('id').map((text) => {
    const id = parseSymbolId(text);
    if (id === undefined) throw new RefusedRoute(`query id ${JSON.stringify(text.slice(0, 40))} is not row-column`);
    return id;
  });
  const target = query.one('targetSliver');
  const type = query.one('targetType');
  if ((target === undefined) !== (type === undefined)) {
    throw new RefusedRoute('query has only one of targetSliver and targetType');
  }
  if (target === undefined || type === undefined) {
    return query.end({ name: 'getRecoverySymbols', blobId, proofAxis, filter: { kind: 'ids', ids } });
  }
  if (ids.length > 0) throw new RefusedRoute('query has both id and targetSliver');
  const index = parseIndex(target, 'query targetSliver') as SliverIndex;
  const filter = { kind: 'target' as const, axis: parseAxis(type, 'query targetType'), index };
  return query.end({ name: 'getRecoverySymbols', blobId, proofAxis, filter });
}

function parseDecodingSymbols(path: Path, query: Query): NodeRoute {
  const type = query.one('targetType');
  if (type === undefined) throw new RefusedRoute('query lacks targetType');
  const targets = query.all('targetSlivers').map((text) => parseIndex(text, 'query targetSlivers') as SliverIndex);
  const axis = parseAxis(type, 'query targetType');
  return query.end({ name: 'getDecodingSymbols', blobId: path.blobId, axis, targets });
}

function parseSliverBatch(path: Path, query: Query): NodeRoute {
  const pairs = (key: Axis): SliverPairIndex[] => {
    const text = query.one(key) ?? '';
    if (text === '') return [];
    const parts = text.split(',', MAX_QUERY_ITEMS + 1);
    if (parts.length > MAX_QUERY_ITEMS) throw new RefusedRoute(`query ${key} has more than ${MAX_QUERY_ITEMS} pairs`);
    return parts.map((part) => parseIndex(part, `query ${key}`) as SliverPairIndex);
  };
  const primary = pairs('primary');
  const secondary = pairs('secondary');
  if (primary.length + secondary.length === 0) throw new RefusedRoute('query names no sliver pair');
  return query.end({ name: 'getSliverBatch', blobId: path.blobId, primary, secondary });
}
