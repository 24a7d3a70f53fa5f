/** BLAKE2b constants in memory: vectors that V8 would otherwise rebuild at every use. */

/** Initialisation vector (RFC 7693 §2.6). */
export const IV: usize = memory.data<u64>([
  0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1,
  0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
]);

/** The same, each word in both lanes. */
export const IV2: usize = memory.data<u64>(
  [
    0x6a09e667f3bcc908, 0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
    0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x510e527fade682d1,
    0x9b05688c2b3e6c1f, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
    0x5be0cd19137e2179,
  ],
  16,
);

/** First state word of an unkeyed 32-byte digest: IV[0] xor 0x01010020. */
export const INITIAL_0: u64 = 0x6a09e667f2bdc928;

/** Initial state of two unkeyed 32-byte digests. */
export const INITIAL2: usize = memory.data<u64>(
  [
    0x6a09e667f2bdc928, 0x6a09e667f2bdc928, 0xbb67ae8584caa73b, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
    0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x510e527fade682d1,
    0x9b05688c2b3e6c1f, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
    0x5be0cd19137e2179,
  ],
  16,
);

/** The prefix byte of an inner Merkle node, in both lanes. */
export const ONE2: usize = memory.data<u64>([1, 1], 16);

/** Bytes of an inner Merkle node with its prefix, in both lanes. */
export const SIXTY_FIVE2: usize = memory.data<u64>([65, 65], 16);
