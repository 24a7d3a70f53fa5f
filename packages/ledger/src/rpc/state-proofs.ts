/**
 * `GET …/floe/v1/proofs/{object id}`: the proof that an object is in the state of the newest checkpoint, as
 * `verifyStateProof` of `@floe/contracts` reads it. Not a part of Sui's services; see docs/EXTENSIONS.md.
 */
import type { StateProof } from '@floe/contracts';
import { isFloeError, toBase64 } from '@floe/platform';
import { parseObjectId } from '@floe/protocol';
import type { LedgerApi } from '../api.ts';
import { encodeObject } from '../object-codec.ts';
import { jsonResponse } from './cors.ts';

const PATH = /\/floe\/v1\/proofs\/([^/]+)$/;

/** The answer to a GET of `pathname`; undefined when it is no path of a proof. */
export function stateProofResponse(ledger: LedgerApi, pathname: string): Response | undefined {
  const text = PATH.exec(pathname)?.[1];
  if (text === undefined) return undefined;
  let proof: StateProof | undefined;
  try {
    proof = stateProof(ledger, text);
  } catch (error) {
    if (!isFloeError(error, 'INVALID_OBJECT_ID')) throw error;
    return failure(400, error.code, error.message);
  }
  if (proof === undefined) return failure(404, 'OBJECT_NOT_FOUND', `there is no object ${text.slice(0, 80)}`);
  // It is of the newest checkpoint: of another one in a moment.
  return jsonResponse(200, proof, { 'cache-control': 'no-store' });
}

function stateProof(ledger: LedgerApi, text: string): StateProof | undefined {
  const id = parseObjectId(text);
  const proven = ledger.proveObject(id);
  const object = proven === undefined ? undefined : ledger.getObject(id);
  if (proven === undefined || object === undefined) return undefined;
  return {
    publicKey: toBase64(ledger.chain.publicKey),
    summary: toBase64(proven.checkpoint.summaryBytes),
    signature: toBase64(proven.checkpoint.signature),
    object: toBase64(encodeObject(object)),
    siblings: proven.proof.siblings.map((sibling) => (sibling.every((byte) => byte === 0) ? null : toBase64(sibling))),
  };
}

function failure(httpStatus: number, code: string, message: string): Response {
  return jsonResponse(httpStatus, { error: { code, message } });
}
