/**
 * Asks a ledger of this project for a proof of an object and checks it. Another ledger does not know the question: then
 * the answer is `LEDGER_FAILED`.
 */
import type { Scheduler } from '@floe/platform';
import type { ObjectId } from '@floe/protocol';
import { ledgerErrors } from './errors.ts';
import { createBoundedFetch } from './ledger/bounded-fetch.ts';
import { REQUEST_TIMEOUT_MS } from './limits.ts';
import { type ProvenObject, verifyStateProof } from './state-proof.ts';

export interface ProofQuestion {
  /** Of the ledger. */
  readonly url: string;
  readonly objectId: ObjectId;
  /** The chain's key (32 bytes); without it whatever key signed is taken, and returned to be compared. */
  readonly publicKey?: Uint8Array;
  readonly signal?: AbortSignal;
}

const CALL = 'state proof';

/**
 * The object as the newest checkpoint of the ledger has it, proven; undefined when the ledger has no such object.
 *
 * @throws STATE_PROOF_INVALID, LEDGER_FAILED, LEDGER_UNREACHABLE
 */
export async function proveObject(
  { url, objectId, publicKey, signal }: ProofQuestion,
  modules: { readonly fetch: typeof fetch; readonly scheduler: Scheduler },
): Promise<ProvenObject | undefined> {
  const bounded = createBoundedFetch({ timeoutMs: () => REQUEST_TIMEOUT_MS }, modules);
  let response: Response;
  let answer: unknown;
  try {
    response = await bounded(`${url.replace(/\/$/, '')}/floe/v1/proofs/${objectId}`, { signal });
    answer = await response.json();
  } catch (error) {
    signal?.throwIfAborted();
    throw ledgerErrors.LEDGER_UNREACHABLE({ url, call: CALL, reason: String(error) }, error);
  }
  if (response.status === 404 && errorCode(answer) === 'OBJECT_NOT_FOUND') return undefined;
  if (response.status !== 200) {
    const reason = JSON.stringify(answer).slice(0, 200);
    throw ledgerErrors.LEDGER_FAILED({ url, call: CALL, status: `HTTP ${response.status}`, reason });
  }
  return verifyStateProof(answer, { objectId, publicKey });
}

function errorCode(answer: unknown): unknown {
  const { error } = (answer ?? {}) as { error?: { code?: unknown } };
  return error?.code;
}
