/** The ledger's service to clients: Sui's gRPC over HTTP, and the faucet. */
export { createFaucetHandler, faucetDefaults, type FaucetOptions } from './faucet/handler.ts';
export { createLedgerDispatcher, createLedgerHandler } from './handler.ts';
export { faucetLimits, rpcLimits } from './limits.ts';
export type { CallContext, CallReply, Dispatcher } from './service.ts';
