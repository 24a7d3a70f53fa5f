/**
 * Where the symbols of a codeword sit among the points of the field, and the factors that decoding multiplies by.
 *
 * A code has k source and r recovery symbols, numbered 0..k-1 and k..k+r-1. At high rate recovery symbol j sits at point
 * j and source symbol i at K + i with K = pow2(r); at low rate source i at i and recovery j at K + j with K = pow2(k).
 *
 * Source of the rule: Walrus encoding rules, Reed-Solomon evaluation points and decoding.
 */
import { FIELD_MODULUS, fieldTables } from './field.ts';

/** The dimensions of a Reed-Solomon code. */
export interface LineCode {
  /** k: how many symbols determine a codeword. */
  readonly sourceCount: number;
  /** r: how many more symbols a codeword has. */
  readonly recoveryCount: number;
}

/** Everything about decoding that depends on which symbols are there, not on their contents. */
export interface DecodePlan {
  /** Indices of the source symbols that are missing and wanted, ascending: the lanes of the target. */
  readonly missing: readonly number[];
  /** Pairs (point, factor): one for each received symbol, then one for each missing one. */
  readonly pairs: Uint32Array;
  readonly receivedCount: number;
  /** Lanes of the transform, a power of two. */
  readonly size: number;
  /** First point beyond all received ones. */
  readonly limit: number;
  /** Missing points are in `[start, end)`. */
  readonly start: number;
  readonly end: number;
}

/** Smallest power of two that is at least `value`. */
export function powerOfTwoFrom(value: number): number {
  return value <= 1 ? 1 : 2 ** (32 - Math.clz32(value - 1));
}

/** Whether the code uses the high-rate arrangement of points. */
export function isHighRate({ sourceCount, recoveryCount }: LineCode): boolean {
  const a = powerOfTwoFrom(sourceCount);
  const b = powerOfTwoFrom(recoveryCount);
  return a > b || (a === b && sourceCount <= recoveryCount);
}

/** Point of each symbol of a codeword, by its number. */
function pointOf(code: LineCode): (index: number) => number {
  const { sourceCount, recoveryCount } = code;
  if (isHighRate(code)) {
    const first = powerOfTwoFrom(recoveryCount);
    return (index) => (index < sourceCount ? first + index : index - sourceCount);
  }
  const first = powerOfTwoFrom(sourceCount);
  return (index) => (index < sourceCount ? index : first + index - sourceCount);
}

/**
 * Prepares to decode codewords of which the symbols numbered `received` are there.
 *
 * @param received - exactly `sourceCount` distinct numbers below `sourceCount + recoveryCount`, in any order: the lanes of
 *   the source
 * @param isWanted - which missing source symbols to compute; all by default
 */
export function planDecode(
  code: LineCode,
  received: readonly number[],
  isWanted: (index: number) => boolean = () => true,
): DecodePlan {
  const { sourceCount, recoveryCount } = code;
  const there = new Set(received);
  if (there.size !== sourceCount || received.length !== sourceCount) {
    throw new RangeError(`decoding takes exactly ${sourceCount} distinct symbols, not ${received.length}`);
  }
  for (const index of there) {
    if (!Number.isInteger(index) || index < 0 || index >= sourceCount + recoveryCount) {
      throw new RangeError(`symbol ${index} is not one of ${sourceCount + recoveryCount}`);
    }
  }
  const point = pointOf(code);
  const erased = Array.from({ length: sourceCount }, (_, i) => i).filter((i) => !there.has(i));
  const missing = erased.filter((i) => isWanted(i));
  const receivedPoints = received.map(point);
  const missingPoints = missing.map(point);
  const locator = locatorLog(code, receivedPoints, erased.map(point));
  const { exp } = fieldTables();
  const pairs = new Uint32Array(2 * (receivedPoints.length + missingPoints.length));
  receivedPoints.forEach((x, i) => pairs.set([x, exp[locator(x)] as number], 2 * i));
  missingPoints.forEach((y, i) => {
    pairs.set([y, exp[FIELD_MODULUS - locator(y)] as number], 2 * (sourceCount + i));
  });
  const highest = isHighRate(code)
    ? powerOfTwoFrom(recoveryCount) + sourceCount
    : powerOfTwoFrom(sourceCount) + recoveryCount;
  return {
    missing,
    pairs,
    receivedCount: received.length,
    size: powerOfTwoFrom(highest),
    limit: Math.max(...receivedPoints) + 1,
    start: missingPoints[0] ?? 0,
    end: (missingPoints.at(-1) ?? -1) + 1,
  };
}

/**
 * Logarithm, in 0..65534, of the erasure locator's value at a point: the sum over erased points e other than it of
 * log(x + e). At low rate all points from K + r to 65535 count as erased, and the sum over the complement is shorter:
 * the sum over all points is 0 modulo 65535.
 */
function locatorLog(
  code: LineCode,
  receivedPoints: readonly number[],
  missingPoints: readonly number[],
): (x: number) => number {
  const high = isHighRate(code);
  const points: number[] = [];
  if (high) {
    const there = new Set(receivedPoints);
    const first = powerOfTwoFrom(code.recoveryCount);
    for (let j = 0; j < first; j += 1) if (!there.has(j)) points.push(j);
    points.push(...missingPoints);
  } else {
    points.push(...receivedPoints);
    const first = powerOfTwoFrom(code.sourceCount);
    for (let i = code.sourceCount; i < first; i += 1) points.push(i);
  }
  const { log } = fieldTables();
  const list = Uint16Array.from(points);
  return (x) => {
    let sum = 0;
    for (let i = 0; i < list.length; i += 1) {
      const difference = x ^ (list[i] as number);
      if (difference !== 0) sum += log[difference] as number;
    }
    const residue = sum % FIELD_MODULUS;
    return high || residue === 0 ? residue : FIELD_MODULUS - residue;
  };
}
