/** Ports of the ledger in Node.js: signatures through `node:crypto`. */
export { createCheckpointSigner, verifyCheckpointSignature } from './checkpoint-signer.ts';
export { createSignatureVerifier } from './signature-verifier.ts';
export { createGrpcConnections, type GrpcModules } from './grpc-http2.ts';
export { serveLedger } from './serve.ts';
export { pauseForSending } from './pause.ts';
