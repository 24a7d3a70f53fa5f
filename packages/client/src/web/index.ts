/** The client in browsers: fetch, web workers, and BLS in JavaScript, which checks one signature per store. */
import { LedgerClient, type LedgerConfig } from '@floe/contracts';
import type { Logger } from '@floe/platform';
import { createFetchTransport, webClock, webRng, webScheduler } from '@floe/platform/web';
import { createNobleBls } from '@floe/protocol';
import { createWebCodec } from '@floe/redstuff/web';
import { type ClientOptions, createFloeClient, type FloeClient } from '../client.ts';

export interface ConnectOptions extends ClientOptions {
  readonly ledger: LedgerConfig;
  /** Threads that encode and decode; default: one per core but one. */
  readonly workers?: number;
}

/** A client with modules of its own, closed with it. */
export interface FloeConnection {
  readonly client: FloeClient;
  readonly ledgerClient: LedgerClient;
  /** Waits for uploads that go on, then closes sockets and threads. Can be called twice. */
  readonly close: () => Promise<void>;
}

/**
 * Connects to the network that a ledger describes.
 *
 * @example
 * const { client, close } = await connectFloe({ ledger, nodeUrlScheme: 'http' });
 * const { blobId } = await client.store(bytes, { epochs: 5, signer });
 * const same = await client.read(blobId);
 * await close();
 */
export async function connectFloe(
  options: ConnectOptions,
  modules: { readonly logger?: Logger } = {},
): Promise<FloeConnection> {
  const { ledger, workers, ...clientOptions } = options;
  const clock = webClock;
  const scheduler = webScheduler;
  const bls = createNobleBls();
  const transport = createFetchTransport();
  const codec = createWebCodec({ workers });
  const ledgerClient = new LedgerClient(ledger, { clock, scheduler });
  const client = createFloeClient(clientOptions, {
    transport,
    codec,
    bls,
    ledgerClient,
    clock,
    scheduler,
    rng: webRng,
    logger: modules.logger,
  });
  const close = async (): Promise<void> => {
    await client.close();
    await Promise.all([codec.close(), transport.close()]);
  };
  return { client, ledgerClient, close };
}
