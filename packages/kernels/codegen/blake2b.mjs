/**
 * Writes the BLAKE2b compression functions as AssemblyScript.
 *
 * A compression is 96 quarter rounds that must be unrolled, because each takes other message words; written out by hand
 * they would be thousands of lines. Variants differ in lanes (one message in 64-bit integers, two in the halves of
 * 128-bit vectors, or these two and a third in integers) and in how many leading message words can be non-zero: hashes of short messages skip the additions
 * of words that are always zero.
 *
 * Measured choices (V8 11.3 to 13): `(a + m) + b`, not `(a + b) + m`, takes the message off the critical path; rotations
 * by 24 and 16 are swizzles, in the form that suits the engine (`assembly/swizzle.ts`).
 */

const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

const QUARTERS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
];

const range = (count) => Array.from({ length: count }, (_, i) => i);

/** How one lane count writes its operations. */
const scalar = {
  type: 'u64',
  add: (a, b) => `${a} + ${b}`,
  xor: (a, b) => `${a} ^ ${b}`,
  rotate: {
    32: (x) => `rotr<u64>(${x}, 32)`,
    24: (x) => `rotr<u64>(${x}, 24)`,
    16: (x) => `rotr<u64>(${x}, 16)`,
    63: (x) => `rotr<u64>(${x}, 63)`,
  },
};

const vector = {
  type: 'v128',
  add: (a, b) => `i64x2.add(${a}, ${b})`,
  xor: (a, b) => `v128.xor(${a}, ${b})`,
  rotate: {
    32: (x) => `i32x4.shuffle(${x}, ${x}, 1, 0, 3, 2)`,
    24: (x) => `rotate24(${x}, mask24)`,
    16: (x) => `rotate16(${x}, mask16)`,
    63: (x) => `v128.or(i64x2.add(${x}, ${x}), i64x2.shr_u(${x}, 63))`,
  },
};

function quarter(lane, [a, b, c, d], x, y) {
  const [va, vb, vc, vd] = [a, b, c, d].map((i) => `v${i}`);
  const half = (message, rotateD, rotateB) => [
    `${va} = ${lane.add(message === null ? va : lane.type === 'u64' ? `(${lane.add(va, message)})` : lane.add(va, message), vb)};`,
    `${vd} = ${lane.xor(vd, va)};`,
    `${vd} = ${lane.rotate[rotateD](vd)};`,
    `${vc} = ${lane.add(vc, vd)};`,
    `${vb} = ${lane.xor(vb, vc)};`,
    `${vb} = ${lane.rotate[rotateB](vb)};`,
  ];
  return [...half(x, 32, 24), ...half(y, 16, 63)];
}

function rounds(lane, words) {
  const word = (index) => (index < words ? `m${index}` : null);
  return range(12).flatMap((round) => {
    const sigma = SIGMA[round % 10];
    return QUARTERS.flatMap((quad, i) => quarter(lane, quad, word(sigma[2 * i]), word(sigma[2 * i + 1])));
  });
}

/**
 * Rounds of two messages in vectors and of a third in integers (variables s0.., words w0..), quarter by quarter in turns:
 * the integer units are idle otherwise.
 */
function tripleRounds(words) {
  const word = (prefix, index) => (index < words ? `${prefix}${index}` : null);
  return range(12).flatMap((round) => {
    const sigma = SIGMA[round % 10];
    return QUARTERS.flatMap((quad, i) => {
      const [x, y] = [sigma[2 * i], sigma[2 * i + 1]];
      const two = quarter(vector, quad, word('m', x), word('m', y));
      const third = quarter(scalar, quad, word('w', x), word('w', y)).map((line) => line.replace(/\bv(\d+)/g, 's$1'));
      return two.flatMap((line, at) => [line, third[at]]);
    });
  });
}

const indent = (lines) => lines.map((line) => `  ${line}`).join('\n');

/** `compress(block, length, last)`: one message, state in STATE. */
function scalarCompress() {
  return `/** One block of one message: \`counter\` bytes hashed so far including it; \`last\` is 0 or all ones. State at \`state\`. */
export function compress(state: usize, block: usize, counter: u64, last: u64): void {
${indent([
  ...range(16).map((i) => `const m${i} = load<u64>(block, ${8 * i});`),
  ...range(8).map((i) => `let v${i} = load<u64>(state, ${8 * i});`),
  ...range(8).map((i) => `let v${i + 8} = load<u64>(IV, ${8 * i});`),
  'v12 ^= counter;',
  'v14 ^= last;',
  ...rounds(scalar, 16),
  ...range(8).map((i) => `store<u64>(state, load<u64>(state, ${8 * i}) ^ v${i} ^ v${i + 8}, ${8 * i});`),
])}
}
`;
}

const masks = ['const mask24 = v128.load(ROTATE_24);', 'const mask16 = v128.load(ROTATE_16);'];

/** Two-lane words of two 16-byte loads per pair of words. */
function loadPairs(words, pointers) {
  return range(Math.ceil(words / 2)).flatMap((pair) => {
    const [a, b] = [`a${pair}`, `b${pair}`];
    const lines = [
      `const ${a} = v128.load(${pointers[0]}, ${16 * pair});`,
      `const ${b} = v128.load(${pointers[1]}, ${16 * pair});`,
    ];
    lines.push(`const m${2 * pair} = i64x2.shuffle(${a}, ${b}, 0, 2);`);
    if (2 * pair + 1 < words) lines.push(`const m${2 * pair + 1} = i64x2.shuffle(${a}, ${b}, 1, 3);`);
    return lines;
  });
}

/** Digests are the first four state words of each lane. */
function storeDigests(state) {
  return [
    ...range(4).map((i) => `const h${i} = v128.xor(${state(i)}, v128.xor(v${i}, v${i + 8}));`),
    'v128.store(outA, i64x2.shuffle(h0, h1, 0, 2), 0);',
    'v128.store(outA, i64x2.shuffle(h2, h3, 0, 2), 16);',
    'v128.store(outB, i64x2.shuffle(h0, h1, 1, 3), 0);',
    'v128.store(outB, i64x2.shuffle(h2, h3, 1, 3), 16);',
  ];
}

/** A whole message of one block, of which only the first `words` words can be non-zero. */
function shortMessages(words) {
  return `/** Two messages of \`size\` <= ${8 * words} bytes, each zero-padded to ${16 * Math.ceil(words / 2)}; 32-byte digests to \`outA\`, \`outB\`. */
export function hashPair${words}(blockA: usize, blockB: usize, size: u64, outA: usize, outB: usize): void {
${indent([
  ...masks,
  ...loadPairs(words, ['blockA', 'blockB']),
  ...range(8).map((i) => `let v${i} = v128.load(INITIAL2, ${16 * i});`),
  ...range(8).map((i) => `let v${i + 8} = v128.load(IV2, ${16 * i});`),
  'v12 = v128.xor(v12, i64x2.splat(size));',
  'v14 = v128.not(v14);',
  ...rounds(vector, words),
  ...storeDigests((i) => `v128.load(INITIAL2, ${16 * i})`),
])}
}
`;
}

/** Three short messages: {@link shortMessages} and one in integers. */
function shortTriples(words) {
  return `/** Three messages of \`size\` <= ${8 * words} bytes, each zero-padded to ${16 * Math.ceil(words / 2)}; 32-byte digests to \`outA\`, \`outB\`, \`outC\`. */
export function hashTriple${words}(
  blockA: usize, blockB: usize, blockC: usize, size: u64,
  outA: usize, outB: usize, outC: usize,
): void {
${indent([
  ...masks,
  ...loadPairs(words, ['blockA', 'blockB']),
  ...range(words).map((i) => `const w${i} = load<u64>(blockC, ${8 * i});`),
  ...range(8).map((i) => `let v${i} = v128.load(INITIAL2, ${16 * i});`),
  ...range(8).map((i) => `let v${i + 8} = v128.load(IV2, ${16 * i});`),
  'v12 = v128.xor(v12, i64x2.splat(size));',
  'v14 = v128.not(v14);',
  ...thirdInitial,
  ...thirdState('size', '~(<u64>0)'),
  ...tripleRounds(words),
  ...storeDigests((i) => `v128.load(INITIAL2, ${16 * i})`),
  ...thirdDigest,
])}
}
`;
}

/** A third message's state at its start, and its digest if it has one block. */
const thirdInitial = ['let s0 = INITIAL_0;', ...range(7).map((i) => `let s${i + 1} = load<u64>(IV, ${8 * (i + 1)});`)];
const thirdDigest = [
  'store<u64>(outC, INITIAL_0 ^ s0 ^ s8, 0);',
  ...[1, 2, 3].map((i) => `store<u64>(outC, load<u64>(IV, ${8 * i}) ^ s${i} ^ s${i + 8}, ${8 * i});`),
];

/** The words of two Merkle inner nodes, 65 bytes each, so every word is shifted by the prefix byte. */
function innerWords() {
  const word = (name, child, offset) => [
    `let ${name} = v128.load64_zero(${child}A, ${offset});`,
    `${name} = v128.load64_lane(${child}B, ${name}, 1, ${offset});`,
  ];
  return [
    ...word('m0', 'left', 0),
    'm0 = v128.or(i64x2.shl(m0, 8), v128.load(ONE2));',
    ...word('m1', 'left', 7),
    ...word('m2', 'left', 15),
    ...word('m3', 'left', 23),
    ...word('m4', 'right', 0),
    ...word('leftEnd', 'left', 24),
    'm4 = v128.or(i64x2.shl(m4, 8), i64x2.shr_u(leftEnd, 56));',
    ...word('m5', 'right', 7),
    ...word('m6', 'right', 15),
    ...word('m7', 'right', 23),
    ...word('m8', 'right', 24),
    'm8 = i64x2.shr_u(m8, 56);',
  ];
}

const innerState = [
  ...range(8).map((i) => `let v${i} = v128.load(INITIAL2, ${16 * i});`),
  ...range(8).map((i) => `let v${i + 8} = v128.load(IV2, ${16 * i});`),
  'v12 = v128.xor(v12, v128.load(SIXTY_FIVE2));',
  'v14 = v128.not(v14);',
];

/** State words of a third message before its rounds. */
const thirdState = (counter, last) => [
  ...range(8).map((i) => `let s${i + 8} = load<u64>(IV, ${8 * i});`),
  `s12 ^= ${counter};`,
  `s14 ^= ${last};`,
];

/** Merkle inner nodes: H(0x01 || left || right). */
function innerNodes() {
  return `/** Two Merkle inner nodes at once: H(0x01 || left || right) of 32-byte children anywhere in memory. */
export function innerPair(leftA: usize, rightA: usize, leftB: usize, rightB: usize, outA: usize, outB: usize): void {
${indent([...masks, ...innerWords(), ...innerState, ...rounds(vector, 9), ...storeDigests((i) => `v128.load(INITIAL2, ${16 * i})`)])}
}

/** Three of them: the third's children are \`leftC\` and \`rightC\`. */
export function innerTriple(
  leftA: usize, rightA: usize, leftB: usize, rightB: usize, leftC: usize, rightC: usize,
  outA: usize, outB: usize, outC: usize,
): void {
${indent([
  ...masks,
  ...innerWords(),
  'const w0 = (load<u64>(leftC, 0) << 8) | 1;',
  ...[7, 15, 23].map((offset, i) => `const w${i + 1} = load<u64>(leftC, ${offset});`),
  'const w4 = (load<u64>(rightC, 0) << 8) | load<u8>(leftC, 31);',
  ...[7, 15, 23].map((offset, i) => `const w${i + 5} = load<u64>(rightC, ${offset});`),
  'const w8 = <u64>load<u8>(rightC, 31);',
  ...innerState,
  ...thirdInitial,
  ...thirdState('65', '~(<u64>0)'),
  ...tripleRounds(9),
  ...storeDigests((i) => `v128.load(INITIAL2, ${16 * i})`),
  ...thirdDigest,
])}
}
`;
}

const stateWord = (i) => `v128.load(state, ${16 * i})`;
const initialWord = (i) => `v128.load(INITIAL2, ${16 * i})`;
const ivWords = range(8).map((i) => `let v${i + 8} = v128.load(IV2, ${16 * i});`);
const nextState = (state) =>
  range(8).map((i) => `v128.store(state, v128.xor(${state(i)}, v128.xor(v${i}, v${i + 8})), ${16 * i});`);

/** Blocks of two longer messages, their state words interleaved in memory. */
function longMessages() {
  return `/**
 * First blocks of two messages of more than one; their states to \`state\`. The byte before each message, at \`blockA\` and
 * \`blockB\`, counts as the 0x00 prefix.
 */
export function compressFirst(state: usize, blockA: usize, blockB: usize): void {
${indent([
  ...masks,
  ...loadPairs(16, ['blockA', 'blockB']).map((line) =>
    line.startsWith('const m0 ') ? line.replace(/= (.*);$/, '= v128.and(i64x2.splat(-256), $1);') : line,
  ),
  ...range(8).map((i) => `let v${i} = ${initialWord(i)};`),
  ...ivWords,
  'v12 = v128.xor(v12, i64x2.splat(128));',
  ...rounds(vector, 16),
  ...nextState(initialWord),
])}
}

/**
 * Any block of two messages; \`last\` is all ones for the last one. \`keep\` is and-ed to the first message word: with its
 * lowest byte cleared, the byte before a message becomes its prefix.
 */
export function compressPair(state: usize, blockA: usize, blockB: usize, keep: v128, counter: u64, last: u64): void {
${indent([
  ...masks,
  ...loadPairs(16, ['blockA', 'blockB']).map((line) =>
    line.startsWith('const m0 ') ? line.replace(/= (.*);$/, '= v128.and(keep, $1);') : line,
  ),
  ...range(8).map((i) => `let v${i} = ${stateWord(i)};`),
  ...ivWords,
  'v12 = v128.xor(v12, i64x2.splat(counter));',
  'v14 = v128.xor(v14, i64x2.splat(last));',
  ...rounds(vector, 16),
  ...nextState(stateWord),
])}
}
`;
}

/** As compressPair, and a block of a third message whose state is at `third`. */
function longTriples() {
  return `/** As {@link compressPair}, and a block of a third message, its state at \`third\`. */
export function compressTriple(
  state: usize, blockA: usize, blockB: usize, keep: v128,
  third: usize, blockC: usize, keepC: u64,
  counter: u64, last: u64,
): void {
${indent([
  ...masks,
  ...loadPairs(16, ['blockA', 'blockB']).map((line) =>
    line.startsWith('const m0 ') ? line.replace(/= (.*);$/, '= v128.and(keep, $1);') : line,
  ),
  'const w0 = load<u64>(blockC, 0) & keepC;',
  ...range(15).map((i) => `const w${i + 1} = load<u64>(blockC, ${8 * (i + 1)});`),
  ...range(8).map((i) => `let v${i} = ${stateWord(i)};`),
  ...ivWords,
  'v12 = v128.xor(v12, i64x2.splat(counter));',
  'v14 = v128.xor(v14, i64x2.splat(last));',
  ...range(8).map((i) => `let s${i} = load<u64>(third, ${8 * i});`),
  ...thirdState('counter', 'last'),
  ...tripleRounds(16),
  ...nextState(stateWord),
  ...range(8).map((i) => `store<u64>(third, load<u64>(third, ${8 * i}) ^ s${i} ^ s${i + 8}, ${8 * i});`),
])}
}
`;
}

/** The last blocks of two longer messages, of which only the first `words` words can be non-zero. */
function lastBlocks(words) {
  return `/** Last blocks of two messages of \`size\` bytes, zero from ${8 * words} bytes on; 32-byte digests to \`outA\`, \`outB\`. */
export function finishPair${words}(
  state: usize, blockA: usize, blockB: usize,
  size: u64, outA: usize, outB: usize,
): void {
${indent([
  ...masks,
  ...loadPairs(words, ['blockA', 'blockB']),
  ...range(8).map((i) => `let v${i} = ${stateWord(i)};`),
  ...ivWords,
  'v12 = v128.xor(v12, i64x2.splat(size));',
  'v14 = v128.not(v14);',
  ...rounds(vector, words),
  ...storeDigests(stateWord),
])}
}
`;
}

/** The whole generated module. */
export function generateBlake2b() {
  return [
    '// Made by codegen/blake2b.mjs.',
    "import { INITIAL2, INITIAL_0, IV, IV2, ONE2, SIXTY_FIVE2 } from '../blake2b-constants';",
    "import { ROTATE_16, ROTATE_24, rotate16, rotate24 } from '../swizzle';",
    scalarCompress(),
    ...[2, 5, 9, 16].map(shortMessages),
    ...[2, 5, 9, 16].map(shortTriples),
    innerNodes(),
    longMessages(),
    longTriples(),
    ...[5, 16].map(lastBlocks),
  ].join('\n');
}
