/** Which patch identifiers are allowed (Walrus encoding rules: building quilts). */
import { utf8 } from '@floe/platform';
import { errors } from '../errors.ts';
import { MAX_IDENTIFIER_SIZE_BYTES } from '../limits.ts';

/** @throws INVALID_IDENTIFIER */
export function checkIdentifier(identifier: string): void {
  const reason = complaint(identifier);
  if (reason !== undefined) throw errors.INVALID_IDENTIFIER({ identifier, reason });
}

function complaint(identifier: string): string | undefined {
  if (identifier.length === 0) return 'it is empty';
  // A UTF-16 unit takes at least one byte, so this bounds the work below.
  const sizeBytes = identifier.length > MAX_IDENTIFIER_SIZE_BYTES ? identifier.length : utf8(identifier).length;
  if (sizeBytes > MAX_IDENTIFIER_SIZE_BYTES) {
    return `it has ${sizeBytes} bytes or more, at most ${MAX_IDENTIFIER_SIZE_BYTES} are allowed`;
  }
  if (/\p{Cs}/u.test(identifier)) return 'it is not well-formed Unicode';
  if (/\p{Cc}/u.test(identifier)) return 'it has a control character';
  if (/\p{White_Space}$/u.test(identifier)) return 'it ends in white space';
  return undefined;
}
