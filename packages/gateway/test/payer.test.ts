/** Who pays: stores that go on without their clients, and registrations that are not paid for twice. */
import { clientErrors, type NewlyCreated, type StoreOptions, type StoreRegistration } from '@floe/client';
import { ledgerErrors } from '@floe/contracts';
import { deferred, raceAbort, silentLogger } from '@floe/platform';
import { type BlobId, type Frost, parseObjectId } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { MAX_UNUSED_REGISTRATIONS } from '../src/limits.ts';
import { type PaidStoreOptions, Payer } from '../src/payer.ts';
import { BLOB_ID, newlyCreated, OTHER_BLOB_ID, SIGNER } from './support/fake-client.ts';

const UNCONFIRMED = clientErrors.NOT_ENOUGH_CONFIRMATIONS({ blobId: BLOB_ID, got: 3, need: 7, reasons: [] });

function registrationOf(number: number): StoreRegistration {
  const operation = { kind: 'registerFromScratch', encodedLength: 9, epochsAhead: 1 } as const;
  return { objectId: parseObjectId(`0x${number.toString(16)}`), operation, cost: 5n as Frost };
}

/** A wallet and the stores it pays: how each got its registration, new ones numbered from 1 on. */
function wallet() {
  const payer = new Payer(SIGNER, { logger: silentLogger });
  const used: string[] = [];
  let made = 0;
  const register = (options: StoreOptions, blobId: BlobId): void => {
    const { registration, onProgress, onRegistered } = options;
    const given = typeof registration === 'function' ? registration(blobId) : registration;
    if (given !== undefined) return void used.push(`again ${given.objectId.replace(/0x0*/, '')}`);
    onProgress?.({ stage: 'registering', blobId });
    made += 1;
    used.push(`new ${made}`);
    onRegistered?.(registrationOf(made));
  };
  const pay = async (
    end: (signal: AbortSignal) => Promise<NewlyCreated>,
    asked: Partial<PaidStoreOptions> = {},
    blobId = BLOB_ID,
  ): Promise<NewlyCreated> => {
    const options = { epochs: 1, signer: SIGNER, signal: new AbortController().signal, ...asked };
    return await payer.pay(options, async (paid) => {
      register(paid, blobId);
      return await end(paid.signal as AbortSignal);
    });
  };
  return { payer, used, pay };
}

const succeeding = async () => newlyCreated();
const failing = (error: Error) => () => Promise.reject(error);

describe('a store whose client has left', () => {
  it('goes on once it pays, to its end', async () => {
    const { pay } = wallet();
    const [leaving, gate] = [new AbortController(), deferred<void>()];
    const paid = pay(
      async (signal) => {
        await raceAbort(gate.promise, signal);
        return newlyCreated();
      },
      { signal: leaving.signal },
    );
    leaving.abort(new Error('gone'));
    gate.resolve();
    expect(await paid).toEqual(newlyCreated());
  });

  it('ends with it before that', async () => {
    const { payer } = wallet();
    const leaving = new AbortController();
    const options = { epochs: 1, signer: SIGNER, signal: leaving.signal };
    const paid = payer.pay(options, async ({ signal, onProgress }) => {
      onProgress?.({ stage: 'checking' });
      return await raceAbort(new Promise<never>(() => undefined), signal as AbortSignal);
    });
    leaving.abort(new Error('gone'));
    await expect(paid).rejects.toThrow('gone');
  });

  it('ends when the gateway is closed, which waits for it; none begins after that', async () => {
    const { payer, pay } = wallet();
    const leaving = new AbortController();
    const log: string[] = [];
    const forever = async (signal: AbortSignal) => await raceAbort(new Promise<never>(() => undefined), signal);
    const paid = pay(forever, { signal: leaving.signal }).catch((error: Error) => void log.push(error.message));
    leaving.abort(new Error('gone'));
    await payer.close();
    await payer.close();
    log.push('closed');
    await paid;
    expect(log).toEqual(['this gateway is being shut down', 'closed']);
    await expect(pay(forever)).rejects.toMatchObject({ code: 'GATEWAY_CLOSED', kind: 'unavailable' });
  });
});

describe('what was paid for in vain', () => {
  it('is used by the next store of the blob on the same terms, as often as that fails, and once', async () => {
    const { used, pay } = wallet();
    await expect(pay(failing(UNCONFIRMED))).rejects.toThrow(UNCONFIRMED);
    await expect(pay(failing(UNCONFIRMED))).rejects.toThrow(UNCONFIRMED);
    await pay(succeeding);
    await pay(succeeding);
    expect(used).toEqual(['new 1', 'again 1', 'again 1', 'new 2']);
  });

  it('is not used on other terms, for other blobs, nor where an object of its own is wanted', async () => {
    const { used, pay } = wallet();
    await expect(pay(failing(UNCONFIRMED))).rejects.toThrow(UNCONFIRMED);
    const owner = parseObjectId('0xabc');
    for (const terms of [{ epochs: 2 }, { deletable: true }, { owner }, { force: true }]) await pay(succeeding, terms);
    await pay(succeeding, {}, OTHER_BLOB_ID);
    await pay(succeeding);
    expect(used).toEqual(['new 1', 'new 2', 'new 3', 'new 4', 'new 5', 'new 6', 'again 1']);
  });

  it('is used by the one who asks again because nobody was there to hear the result', async () => {
    const { used, pay } = wallet();
    const leaving = new AbortController();
    const unheard = async () => {
      leaving.abort(new Error('gone'));
      return newlyCreated();
    };
    await pay(unheard, { signal: leaving.signal });
    await pay(succeeding);
    expect(used).toEqual(['new 1', 'again 1']);
  });

  it('is forgotten when it turns out to be of no use', async () => {
    const { used, pay } = wallet();
    const lost = ledgerErrors.LEDGER_REJECTED({ call: 'c', reason: 'the object is another address' });
    await expect(pay(failing(UNCONFIRMED))).rejects.toThrow(UNCONFIRMED);
    await expect(pay(failing(lost))).rejects.toThrow(lost);
    await pay(succeeding);
    expect(used).toEqual(['new 1', 'again 1', 'new 2']);
  });

  it('is forgotten, the oldest first, past a number', async () => {
    const { used, pay } = wallet();
    for (let epochs = 1; epochs <= MAX_UNUSED_REGISTRATIONS + 1; epochs += 1) {
      await expect(pay(failing(UNCONFIRMED), { epochs })).rejects.toThrow(UNCONFIRMED);
    }
    used.length = 0;
    for (const epochs of [1, 2]) await pay(succeeding, { epochs });
    expect(used).toEqual([`new ${MAX_UNUSED_REGISTRATIONS + 2}`, 'again 2']);
  });
});
