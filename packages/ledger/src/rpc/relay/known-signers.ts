/**
 * Checks the signatures of transactions on their way: what is executed after it needs only to look whether the signers
 * are those required. Where a signature is checked is so apart from where transactions are executed.
 */
import { GrpcTypes } from '@mysten/sui/grpc';
import { MAX_TRANSACTION_BYTES } from '../../limits.ts';
import { areSignaturesPermitted, type Signers, signersOf, type SignatureVerifier } from '../../signatures.ts';
import type { CallContext, Dispatcher } from '../service.ts';

const EXECUTE = `${GrpcTypes.TransactionExecutionService.typeName}/ExecuteTransaction`;

/** `dispatcher`, whose calls to execute a transaction say who signed it. What is malformed goes on as it is, to be refused. */
export function withKnownSigners(dispatcher: Dispatcher, verifier: SignatureVerifier): Dispatcher {
  return {
    methods: dispatcher.methods,
    isUnary: (path) => dispatcher.isUnary(path),
    async call(path, message, context) {
      const signers = path === EXECUTE ? await requestSigners(message, verifier) : undefined;
      return dispatcher.call(path, message, signers === undefined ? context : adding(signers, context));
    },
  };
}

/** The signal of a context is made when somebody looks at it; most never do. */
function adding(signers: Signers, context: CallContext): CallContext {
  return {
    signers,
    get signal() {
      return context.signal;
    },
  };
}

async function requestSigners(message: Uint8Array, verifier: SignatureVerifier): Promise<Signers | undefined> {
  const request = parseRequest(message);
  const bytes = request?.transaction?.bcs?.value;
  const signatures = request?.signatures.flatMap(({ bcs }) => bcs?.value ?? []) ?? [];
  if (bytes === undefined || bytes.length > MAX_TRANSACTION_BYTES) return undefined;
  if (signatures.length !== request?.signatures.length || !areSignaturesPermitted(signatures)) return undefined;
  return signersOf(bytes, signatures, verifier);
}

function parseRequest(message: Uint8Array): GrpcTypes.ExecuteTransactionRequest | undefined {
  try {
    return GrpcTypes.ExecuteTransactionRequest.fromBinary(message, { readUnknownField: false });
  } catch {
    return undefined;
  }
}
