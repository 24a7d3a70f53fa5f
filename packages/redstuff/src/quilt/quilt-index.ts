/**
 * The index of a quilt (Walrus encoding rules: quilt streams): which patches there are and which columns each occupies.
 * Starts are not on the wire: the first patch starts after the columns of the index, each other where the one before it
 * ended. What comes from outside is hostile: nothing is allocated by a length it claims, every range is checked.
 */
import { BcsReader, type BcsWriter, type Geometry, encodeBcs } from '@floe/protocol';
import { isFloeError } from '@floe/platform';
import { errors } from '../errors.ts';
import { MAX_QUILT_INDEX_COLUMNS } from '../limits.ts';
import { checkIdentifier } from './identifier.ts';
import { INDEX_PREFIX_SIZE_BYTES } from './layout.ts';

/** Names and values that a patch carries. */
export type QuiltTags = Readonly<Record<string, string>>;

/** A patch as the index describes it: columns `startIndex` to before `endIndex`. */
export interface QuiltPatch {
  readonly identifier: string;
  readonly tags: QuiltTags;
  readonly startIndex: number;
  readonly endIndex: number;
}

export interface QuiltIndex {
  /** In the order of their columns, which is that of their identifiers' bytes. */
  readonly patches: readonly QuiltPatch[];
}

const VERSION = 1;

/** The least that a patch takes on the wire: end, empty identifier, no tags. */
const MIN_PATCH_SIZE_BYTES = 4;

/** BCS of tags: a map sorted by the bytes of its keys. */
export function writeTags(writer: BcsWriter, tags: QuiltTags): void {
  writer.map(
    Object.entries(tags),
    (keys, key) => keys.string(key),
    (values, value) => values.string(value),
  );
}

/** Reads what {@link writeTags} wrote. */
export function readTags(reader: BcsReader): QuiltTags {
  const entries = reader.map(
    (from) => from.string('a tag name'),
    (from) => from.string('a tag value'),
    2,
    0xffff,
    'tags',
  );
  // Without a prototype: `__proto__` is a tag name like any other.
  return Object.assign(Object.create(null) as Record<string, string>, Object.fromEntries(entries));
}

/** The index stream: version, length, BCS index. */
export function encodeQuiltIndex(patches: readonly Omit<QuiltPatch, 'startIndex'>[]): Uint8Array {
  const index = encodeBcs((writer) => {
    writer.vector(patches, (to, patch) => {
      to.u16(patch.endIndex).string(patch.identifier);
      writeTags(to, patch.tags);
    });
  }, 4096);
  return encodeBcs(
    (writer) => writer.u8(VERSION).u32(index.length).fixed(index),
    INDEX_PREFIX_SIZE_BYTES + index.length,
  );
}

/**
 * How many columns the index occupies.
 *
 * @param firstColumn - at least the first bytes of column 0
 * @throws INVALID_QUILT unless it is version 1 and at most ten columns
 */
export function quiltIndexColumns(geometry: Geometry, symbolSize: number, firstColumn: Uint8Array): number {
  const columnSize = geometry.rows * symbolSize;
  return Math.ceil((INDEX_PREFIX_SIZE_BYTES + indexLength(geometry, columnSize, firstColumn)) / columnSize);
}

/**
 * Parses the index.
 *
 * @param columns - the bytes of the first {@link quiltIndexColumns} columns (more do no harm)
 * @throws INVALID_QUILT
 */
export function parseQuiltIndex(geometry: Geometry, symbolSize: number, columns: Uint8Array): QuiltIndex {
  const columnSize = geometry.rows * symbolSize;
  const length = indexLength(geometry, columnSize, columns);
  const end = INDEX_PREFIX_SIZE_BYTES + length;
  if (end > columns.length) throw invalid(`${end} bytes of index`, `${columns.length}`);
  const firstPatch = Math.ceil(end / columnSize);
  return translated(() => {
    const reader = new BcsReader(columns.subarray(INDEX_PREFIX_SIZE_BYTES, end), 'quilt index');
    let startIndex = firstPatch;
    const patches = reader.vector(
      (from) => {
        const patch = readPatch(from, startIndex, geometry.columns);
        startIndex = patch.endIndex;
        return patch;
      },
      MIN_PATCH_SIZE_BYTES,
      geometry.columns,
      'patches',
    );
    reader.end();
    return { patches };
  });
}

function readPatch(reader: BcsReader, startIndex: number, columns: number): QuiltPatch {
  const endIndex = reader.u16('an end column');
  if (endIndex <= startIndex || endIndex > columns) {
    throw invalid(`a patch that ends after column ${startIndex} and by ${columns}`, `an end at ${endIndex}`);
  }
  const identifier = reader.string('an identifier');
  checkIdentifier(identifier);
  return { identifier, tags: readTags(reader), startIndex, endIndex };
}

function indexLength(geometry: Geometry, columnSize: number, column: Uint8Array): number {
  if (column.length < INDEX_PREFIX_SIZE_BYTES)
    throw invalid(`${INDEX_PREFIX_SIZE_BYTES} bytes or more`, `${column.length}`);
  const view = new DataView(column.buffer, column.byteOffset, column.byteLength);
  if (view.getUint8(0) !== VERSION) throw invalid(`version ${VERSION}`, `${view.getUint8(0)}`);
  const length = view.getUint32(1, true);
  const most = Math.min(MAX_QUILT_INDEX_COLUMNS, geometry.columns) * columnSize - INDEX_PREFIX_SIZE_BYTES;
  if (length > most) throw invalid(`a length of at most ${most}`, `${length}`);
  return length;
}

/** Errors of parsing, as one error that says the quilt is bad. */
function translated<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isFloeError(error) || error.code === 'INVALID_QUILT') throw error;
    throw errors.INVALID_QUILT({ part: 'index', expected: 'a well-formed index', came: error.message }, error);
  }
}

function invalid(expected: string, came: string): Error {
  return errors.INVALID_QUILT({ part: 'index', expected, came });
}
