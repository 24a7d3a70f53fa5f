/**
 * One patch of a quilt as a byte stream (Walrus encoding rules: quilt streams):
 *
 *   0x01 | length u32le | mask u8 | identifier's length u16le | identifier | [tags' length u16le | tags] | contents
 *
 * `length` counts what follows the mask; bit 0 of the mask says that there are tags. A stream from outside is hostile:
 * every length is checked against what is left before it is used.
 */
import { isFloeError } from '@floe/platform';
import { BcsReader, encodeBcs } from '@floe/protocol';
import { errors } from '../errors.ts';
import { MAX_TAGS_SIZE_BYTES } from '../limits.ts';
import { checkIdentifier } from './identifier.ts';
import { type QuiltTags, readTags, writeTags } from './quilt-index.ts';

/** A file to put into a quilt. */
export interface QuiltPatchInput {
  /** Unique in its quilt; 1 to 65,531 bytes, no control characters, no white space at the end. */
  readonly identifier: string;
  readonly tags?: QuiltTags;
  readonly contents: Uint8Array;
}

/** A file read from a quilt. */
export interface QuiltPatchContents {
  readonly identifier: string;
  readonly tags: QuiltTags;
  /** A view of the columns that were read. */
  readonly contents: Uint8Array;
}

const VERSION = 1;
const HEADER_SIZE_BYTES = 6;
const TAGS_BIT = 1;

/** What stands before the contents. @throws INVALID_IDENTIFIER, TAGS_TOO_LARGE, INVALID_QUILT */
export function encodePatchHead({ identifier, tags = {}, contents }: QuiltPatchInput): Uint8Array {
  checkIdentifier(identifier);
  const name = encodeBcs((writer) => writer.string(identifier));
  const hasTags = Object.keys(tags).length > 0;
  const tagBytes = hasTags ? encodeBcs((writer) => writeTags(writer, tags)) : new Uint8Array();
  if (tagBytes.length > MAX_TAGS_SIZE_BYTES) {
    throw errors.TAGS_TOO_LARGE({ identifier, sizeBytes: tagBytes.length, maxBytes: MAX_TAGS_SIZE_BYTES });
  }
  const length = 2 + name.length + (hasTags ? 2 + tagBytes.length : 0) + contents.length;
  if (length > 0xffff_ffff) throw invalid('less than 4 GiB', `${length} bytes`);
  return encodeBcs((writer) => {
    writer
      .u8(VERSION)
      .u32(length)
      .u8(hasTags ? TAGS_BIT : 0);
    writer.u16(name.length).fixed(name);
    if (hasTags) writer.u16(tagBytes.length).fixed(tagBytes);
  });
}

/**
 * Reads a patch.
 *
 * @param columns - the bytes of the columns that it occupies, one after another
 * @throws INVALID_QUILT
 */
export function parseQuiltPatch(columns: Uint8Array): QuiltPatchContents {
  try {
    return parse(columns);
  } catch (error) {
    if (!isFloeError(error) || error.code === 'INVALID_QUILT') throw error;
    throw errors.INVALID_QUILT({ part: 'patch', expected: 'a well-formed patch', came: error.message }, error);
  }
}

/**
 * Bytes of a patch's stream, as its first bytes claim.
 *
 * @param columns - the bytes of the first column that it occupies, or more
 * @throws INVALID_QUILT
 */
export function quiltPatchSizeBytes(columns: Uint8Array): number {
  if (columns.length < HEADER_SIZE_BYTES) throw invalid(`${HEADER_SIZE_BYTES} bytes or more`, `${columns.length}`);
  return HEADER_SIZE_BYTES + readLength(new BcsReader(columns, 'quilt patch'));
}

/** Reads a version and a length. */
function readLength(head: BcsReader): number {
  const version = head.u8('a version');
  if (version !== VERSION) throw invalid(`version ${VERSION}`, `${version}`);
  return head.u32('a length');
}

function parse(columns: Uint8Array): QuiltPatchContents {
  const head = new BcsReader(columns, 'quilt patch');
  const length = readLength(head);
  const hasTags = (head.u8('a mask') & TAGS_BIT) !== 0;
  if (length > head.remaining) throw invalid(`at most ${head.remaining} bytes`, `a length of ${length}`);
  const body = new BcsReader(columns.subarray(HEADER_SIZE_BYTES, HEADER_SIZE_BYTES + length), 'quilt patch');
  const names = new BcsReader(body.fixed(body.u16("the identifier's length"), 'an identifier'), 'patch identifier');
  const identifier = names.string('an identifier');
  names.end();
  checkIdentifier(identifier);
  let tags: QuiltTags = {};
  if (hasTags) {
    const tagBytes = new BcsReader(body.fixed(body.u16("the tags' length"), 'tags'), 'patch tags');
    tags = readTags(tagBytes);
    tagBytes.end();
  }
  return { identifier, tags, contents: body.fixed(body.remaining, 'contents') };
}

function invalid(expected: string, came: string): Error {
  return errors.INVALID_QUILT({ part: 'patch', expected, came });
}
