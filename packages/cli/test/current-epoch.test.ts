import type { SystemInfo } from '@floe/contracts';
import { FloeError } from '@floe/platform';
import { describe, expect, it } from 'vitest';
import { inCurrentEpoch } from '../src/current-epoch.ts';

const { signal } = new AbortController();

/** A ledger that is one epoch further each time it is asked, up to `last`. */
function turningLedger(last: number) {
  let epoch = 4;
  return {
    systemState: () => Promise.resolve({ epoch: Math.min(last, (epoch += 1)) } as SystemInfo),
  };
}

function aborted(name: string): FloeError {
  return new FloeError({ code: 'MOVE_ABORT', kind: 'conflict', message: name, data: { name, module: 'staking_pool' } });
}

describe('a proof of the current epoch', () => {
  it('is made again when the epoch turned before it was seen', async () => {
    const epochs: number[] = [];
    const result = await inCurrentEpoch(turningLedger(9), signal, ({ epoch }) => {
      epochs.push(epoch);
      return epoch < 7 ? Promise.reject(aborted('EInvalidProofOfPossession')) : Promise.resolve('registered');
    });
    expect(result).toBe('registered');
    expect(epochs).toEqual([5, 6, 7]);
  });

  it.each([
    ['a proof that is wrong in its own epoch', 'EInvalidProofOfPossession', 5],
    ['any other abort', 'EInvalidNameLength', 9],
  ])('does not hide %s', async (_, name, last) => {
    let tries = 0;
    const work = inCurrentEpoch(turningLedger(last), signal, () => {
      tries += 1;
      return Promise.reject(aborted(name));
    });
    await expect(work).rejects.toThrow(name);
    expect(tries).toBe(1);
  });
});
