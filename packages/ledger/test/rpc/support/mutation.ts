/** Damaged messages for fuzz tests. */
import { seededBytes } from './random.ts';

/** Noise, a cut, an insertion, or some changed bytes. */
export function mutate(message: Uint8Array, random: (bound: number) => number): Uint8Array {
  switch (random(5)) {
    case 0:
      return seededBytes(random, random(80));
    case 1:
      return message.slice(0, random(message.length + 1));
    case 2: {
      const at = random(message.length + 1);
      return Uint8Array.of(...message.subarray(0, at), ...seededBytes(random, 1 + random(6)), ...message.subarray(at));
    }
    default: {
      const mutated = message.slice();
      for (let i = 0; i <= random(4); i += 1) mutated[random(mutated.length)] = random(256);
      return mutated;
    }
  }
}
