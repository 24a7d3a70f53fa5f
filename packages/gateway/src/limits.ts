/** Limits of the gateway; the ones that an operator may change are defaults of its options. */

/** Largest body of `PUT /v1/blobs`: the largest blob of 100 shards is 142 MiB, and a store holds it encoded (×4.5). */
export const DEFAULT_MAX_BLOB_BODY_BYTES = 256 * 1024 * 1024;

/** Largest multipart body of `PUT /v1/quilts`. */
export const DEFAULT_MAX_QUILT_BODY_BYTES = 100 * 1024 * 1024;

/** Reads under way at once; each holds at most two 8 MiB windows of rows, not the blob. */
export const DEFAULT_MAX_READS = 256;

/** Reads that wait for a place; past them comes 429. */
export const DEFAULT_MAX_WAITING_READS = 64;

/** Stores under way at once. */
export const DEFAULT_MAX_STORES = 16;

/**
 * Bytes of bodies of the stores under way: with their encoded forms (×5.5 together) at most 2.8 GiB. A body that does not
 * declare its size counts as the largest.
 */
export const DEFAULT_MAX_STORE_BYTES = 512 * 1024 * 1024;

/** Stores that wait for a place; their bodies are not read while they wait. */
export const DEFAULT_MAX_WAITING_STORES = 64;

/** What a client that was turned away is told to wait. */
export const RETRY_AFTER_SECONDS = 1;

/** Longest value of an attribute or tag that becomes a response header. */
export const MAX_HEADER_VALUE_BYTES = 4096;

/** How long a cache keeps what is read by object: its bytes never change, the attributes that become headers may. */
export const OBJECT_MAX_AGE_SECONDS = 300;

/** For how long a browser may remember the answer to a preflight request. */
export const PREFLIGHT_MAX_AGE_SECONDS = 86_400;
