/** The client on Node.js: undici, worker threads, mcl. */
import { LedgerClient, type LedgerConfig } from '@floe/contracts';
import type { Logger } from '@floe/platform';
import { createUndiciTransport, holdingScheduler, systemClock, systemRng } from '@floe/platform/node';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { createWorkerCodec, scratchOnDemand } from '@floe/redstuff/node';
import { type ClientOptions, createFloeClient, type FloeClient } from '../client.ts';

export interface ConnectOptions extends ClientOptions {
  readonly ledger: LedgerConfig;
  /** Threads that encode and decode; default: one per core but one. */
  readonly workers?: number;
  /**
   * Where large blobs are put aside while they are stored or decoded, up to 3.5 times their size; default: the system's
   * directory for temporary files. Nothing is touched before it is needed.
   */
  readonly scratchDirectory?: string;
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
  const { ledger, workers, scratchDirectory, ...clientOptions } = options;
  const clock = systemClock;
  const scheduler = holdingScheduler;
  const bls = await createMclBls();
  const transport = createUndiciTransport();
  const codec = createWorkerCodec({ workers });
  const scratch = scratchOnDemand({ directory: scratchDirectory });
  const ledgerClient = new LedgerClient(ledger, { clock, scheduler });
  const client = createFloeClient(clientOptions, {
    transport,
    codec,
    bls,
    ledgerClient,
    clock,
    scheduler,
    rng: systemRng,
    scratch,
    logger: modules.logger,
  });
  const close = async (): Promise<void> => {
    await client.close();
    await Promise.all([codec.close(), transport.close(), scratch.close()]);
  };
  return { client, ledgerClient, close };
}
