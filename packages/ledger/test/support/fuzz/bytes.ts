/** Damage to bytes that knows where lengths and numbers tend to be. */
import { concatBytes } from '@floe/platform';
import { seededBytes } from '../../rpc/support/random.ts';

type Random = (bound: number) => number;

/** Values that begin or end ranges, as single bytes and as ULEB128 or varints of lengths that no input has. */
const TOKENS: readonly Uint8Array[] = [
  [0],
  [1],
  [0x7f],
  [0x80, 0x01],
  [0x80, 0x00],
  [0xff, 0xff, 0x03],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x08],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0, 0, 0, 0, 0, 0, 0, 0x80],
].map((bytes) => Uint8Array.from(bytes));

/** The bytes with some flipped, cut, doubled, moved or overwritten. */
export function damage(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + random(16));
  switch (random(8)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return concatBytes(bytes.subarray(0, at), seededBytes(random, 1 + random(8)), bytes.subarray(at));
    case 2:
      return concatBytes(bytes.subarray(0, at), bytes.subarray(end));
    case 3:
      return concatBytes(bytes.subarray(0, end), bytes.subarray(at));
    case 4:
    case 5: {
      const token = TOKENS[random(TOKENS.length)] as Uint8Array;
      return concatBytes(
        bytes.subarray(0, at),
        token,
        bytes.subarray(Math.min(bytes.length, at + random(2) * token.length)),
      );
    }
    default: {
      const changed = bytes.slice();
      for (let left = random(4); left >= 0 && changed.length > 0; left -= 1) {
        const position = random(changed.length);
        changed[position] = (changed[position] as number) ^ (1 << random(8));
      }
      return changed;
    }
  }
}

/** The head of one and the tail of the other. */
export function splice(one: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  return concatBytes(one.subarray(0, random(one.length + 1)), other.subarray(random(other.length + 1)));
}
