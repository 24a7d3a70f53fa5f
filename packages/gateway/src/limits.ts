/** Limits of the gateway; the ones that an operator may change are defaults of its options. */

/**
 * Largest body of `PUT /v1/blobs`: the largest blob of 1,000 shards, 13.6 GiB. It goes to disk, and a network of fewer
 * shards refuses what is too large for it.
 */
export const DEFAULT_MAX_BLOB_BODY_BYTES = 334 * 667 * 65_534;

/** Largest multipart body of `PUT /v1/quilts`. */
export const DEFAULT_MAX_QUILT_BODY_BYTES = 100 * 1024 * 1024;

/** Reads under way at once, whatever they hold. */
export const DEFAULT_MAX_READS = 256;

/** What a stream holds: two windows of rows, each 8 MiB (`streamWindowBytes` of the client), or two rows where one is larger. */
export const STREAM_BYTES = 16 * 1024 * 1024;

/** Bytes of the windows of all streams: 128 streams of large blobs; a blob that fits its windows counts as itself. */
export const DEFAULT_MAX_STREAM_BYTES = 2 * 1024 * 1024 * 1024;

/**
 * Bytes of the blobs that reads hold whole: strict reads, quilts whose patches are being read, streams that must decode.
 * One of more than 64 MiB goes through disk and counts as {@link STREAMED_BYTES}, but for quilts.
 * While such a blob is checked there are its slivers and its encoded form too (×6.5 together): at most 3.3 GiB.
 * A patch that is being sent counts as itself. A larger blob is held alone.
 */
export const DEFAULT_MAX_WHOLE_READ_BYTES = 512 * 1024 * 1024;

/** Reads that wait for a place, and as many for each kind of bytes; past them comes 429. */
export const DEFAULT_MAX_WAITING_READS = 64;

/** Bodies that are taken in, or being stored, at once. */
export const DEFAULT_MAX_UPLOADS = 64;

/**
 * Bytes of those, on disk. While one of more than 64 MiB is encoded, its slivers take 2.5 to 3.5 times its size beside it.
 */
export const DEFAULT_MAX_UPLOAD_BYTES = 64 * 1024 * 1024 * 1024;

/**
 * What a body that does not declare its size counts as until more of it has come; one for which there is no more room then
 * is refused with 429.
 */
export const UNDECLARED_BODY_BYTES = 16 * 1024 * 1024;

/** Of uploads, their bytes and their line, the part that one network address may have. */
export const UPLOAD_ADDRESS_SHARE = 0.5;

/** Stores under way at once. */
export const DEFAULT_MAX_STORES = 16;

/**
 * What a blob of more than 64 MiB counts as while it is encoded or decoded: that goes through disk (`maxBufferedBlobBytes`
 * of the client) in 240 MiB of memory, about as much as a blob of this size takes without.
 */
export const STREAMED_BYTES = 64 * 1024 * 1024;

/**
 * Bytes of bodies of the stores under way, and of the quilts that are made of them: with their encoded forms (×5.5
 * together) at most 2.8 GiB. A quilt of more than all of it, up to 1 GiB, is held alone, and encoded through disk.
 */
export const DEFAULT_MAX_STORE_BYTES = 512 * 1024 * 1024;

/** Uploads, and stores, that wait for a place; bodies are not read while they wait to be taken in. */
export const DEFAULT_MAX_WAITING_STORES = 64;

/** Registrations that are remembered for the next store of the same blob, as theirs failed or nobody heard of it. */
export const MAX_UNUSED_REGISTRATIONS = 1024;

/** What a client that was turned away is told to wait. */
export const RETRY_AFTER_SECONDS = 1;

/** Longest value of an attribute or tag that becomes a response header. */
export const MAX_HEADER_VALUE_BYTES = 4096;

/** How long a cache keeps what is read by object: its bytes never change, the attributes that become headers may. */
export const OBJECT_MAX_AGE_SECONDS = 300;

/** For how long a browser may remember the answer to a preflight request. */
export const PREFLIGHT_MAX_AGE_SECONDS = 86_400;
