/**
 * GF(2^16) as Walrus's Reed-Solomon code uses it: elements are coordinates in a Cantor basis of the field with polynomial
 * x^16 + x^5 + x^3 + x^2 + 1, so that addition is exclusive or and multiplication goes through logarithms.
 *
 * Source of the rule: Walrus encoding rules, the field.
 */

const POLYNOMIAL = 0x1002d;

/** Polynomial form of each coordinate: B[0] = 1 and B[i]^2 + B[i] = B[i - 1]. */
const CANTOR_BASIS = [
  0x0001, 0xacca, 0x3c0e, 0x163e, 0xc582, 0xed2e, 0x914c, 0x4012, 0x6c98, 0x10d8, 0x6a72, 0xb900, 0xfdb8, 0xfb34,
  0xff38, 0x991e,
] as const;

/** Order of the multiplicative group; also the logarithm that stands for zero. */
export const FIELD_MODULUS = 65_535;

/** Logarithms and their inverse, both indexed by 16-bit values. */
export interface FieldTables {
  /** `log[0]` is {@link FIELD_MODULUS}, which no element has. */
  readonly log: Uint16Array;
  /** `exp[FIELD_MODULUS]` is `exp[0]`, so that sums of exponents need no last reduction. */
  readonly exp: Uint16Array;
}

let tables: FieldTables | undefined;

/** The tables (256 KiB), made on first use. */
export function fieldTables(): FieldTables {
  tables ??= makeTables();
  return tables;
}

function makeTables(): FieldTables {
  const discreteLog = new Uint16Array(65_536);
  for (let exponent = 0, value = 1; exponent < FIELD_MODULUS; exponent += 1) {
    discreteLog[value] = exponent;
    value <<= 1;
    if (value > 0xffff) value ^= POLYNOMIAL;
  }
  // polynomial[c] = polynomial[c without its lowest bit] + the basis element of that bit
  const polynomial = new Uint16Array(65_536);
  const log = new Uint16Array(65_536);
  const exp = new Uint16Array(65_536);
  for (let coordinates = 1; coordinates < 65_536; coordinates += 1) {
    const lowest = coordinates & -coordinates;
    const basis = CANTOR_BASIS[31 - Math.clz32(lowest)] as number;
    polynomial[coordinates] = (polynomial[coordinates ^ lowest] as number) ^ basis;
    log[coordinates] = discreteLog[polynomial[coordinates] as number] as number;
    exp[log[coordinates] as number] = coordinates;
  }
  log[0] = FIELD_MODULUS;
  exp[FIELD_MODULUS] = exp[0] as number;
  return { log, exp };
}

/** Product of two elements. */
export function multiply(a: number, b: number): number {
  if (a === 0 || b === 0) return 0;
  const { log, exp } = fieldTables();
  return exp[((log[a] as number) + (log[b] as number)) % FIELD_MODULUS] as number;
}

/** Inverse of a non-zero element. */
export function invert(a: number): number {
  const { log, exp } = fieldTables();
  return exp[FIELD_MODULUS - (log[a] as number)] as number;
}
