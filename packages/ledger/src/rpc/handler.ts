/**
 * The ledger's RPC service as one handler: Sui's gRPC services over gRPC-Web.
 *
 * Offered are the methods that the ledger can answer truthfully; any other gets `UNIMPLEMENTED`, by name.
 */
import { type HttpHandler, type Logger, silentLogger } from '@floe/platform';
import type { LedgerApi } from '../api.ts';
import { jsonResponse } from './cors.ts';
import { createGrpcWebHandler } from './grpc-web.ts';
import { digestText } from './rendering/values.ts';
import { createDispatcher, type Dispatcher, type Pause } from './service.ts';
import { createLedgerService } from './services/ledger-service.ts';
import { createMovePackageService } from './services/move-package-service.ts';
import { createNameService } from './services/name-service.ts';
import { createStateService } from './services/state-service.ts';
import { createSubscriptionService } from './services/subscription-service.ts';
import { stateProofResponse } from './state-proofs.ts';
import { createTransactionExecutionService } from './services/transaction-execution-service.ts';

const IDENTITY = { chainName: 'floe', server: 'floe-ledger/0.1.0' };

/** What the services can do without. */
export interface ServiceModules {
  /** Default: no pause, for a ledger that has the thread to itself. */
  readonly pause?: Pause;
}

/** Sui's services over a ledger, without a transport. */
export function createLedgerDispatcher(
  ledger: LedgerApi,
  { pause = () => Promise.resolve() }: ServiceModules = {},
): Dispatcher {
  return createDispatcher([
    createLedgerService(ledger, IDENTITY, pause),
    createStateService(ledger),
    createTransactionExecutionService(ledger),
    createMovePackageService(ledger),
    createNameService(),
    createSubscriptionService(ledger),
  ]);
}

/** Serves {@link createLedgerDispatcher} over gRPC-Web, and {@link readLedger}. */
export function createLedgerHandler(
  ledger: LedgerApi,
  modules: ServiceModules & { readonly logger?: Logger } = {},
): HttpHandler {
  return createGrpcWebHandler({
    dispatcher: createLedgerDispatcher(ledger, modules),
    logger: modules.logger ?? silentLogger,
    read: (pathname) => readLedger(ledger, pathname),
  });
}

/** What a GET answers: `/` and `/health` a status as JSON; proofs are of state-proofs.ts. */
export function readLedger(ledger: LedgerApi, pathname: string): Response | undefined {
  const proof = stateProofResponse(ledger, pathname);
  if (proof !== undefined) return proof;
  if (pathname !== '/' && !pathname.endsWith('/health')) return undefined;
  const latest = ledger.getCheckpoint('latest');
  return jsonResponse(200, {
    status: 'ok',
    service: IDENTITY.server,
    chainId: digestText(ledger.chain.chainIdentifier),
    checkpoint: latest?.sequence ?? null,
    timestampMs: latest?.timestampMs ?? null,
  });
}
