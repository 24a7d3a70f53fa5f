/** What nodes answered, for error messages and for telling quorums. */
import { isFloeError } from '@floe/platform';

/** One word for what went wrong with a request to a node: the catalogue's code, or what an unknown refusal says. */
export function refusalReason(error: unknown): string {
  if (!isFloeError(error)) return 'INTERNAL';
  if (error.code !== 'NODE_REFUSED') return error.code;
  const { reason, httpStatus } = error.data;
  return typeof reason === 'string' && reason !== '' ? reason : `HTTP_${String(httpStatus)}`;
}

/** Whether the same request to the same node may succeed later: it was not reached, overloaded, or failed inside. */
export function isPassing(error: unknown): boolean {
  if (!isFloeError(error)) return false;
  return error.kind === 'unavailable' || (error.kind === 'exhausted' && error.data['httpStatus'] === 429);
}

/** Whether too few slivers of one axis could be had, so that those of the other are the way that is left. */
export function areTooFewSlivers(error: unknown): boolean {
  return isFloeError(error, 'SLIVERS_UNAVAILABLE') || isFloeError(error, 'BLOB_NOT_FOUND');
}

/** `REASON (weight 12), …`, heaviest first. */
export function describeWeights(weights: ReadonlyMap<string, number>): string {
  return [...weights]
    .sort((a, b) => b[1] - a[1])
    .map(([reason, weight]) => `${reason} (weight ${weight})`)
    .join(', ');
}
