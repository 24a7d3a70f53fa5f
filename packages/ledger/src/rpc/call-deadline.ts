/** `grpc-timeout`: at most eight digits and a unit. */
import { rpcErrors } from './errors.ts';

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds, at least 1; undefined when the header is absent. @throws RPC_MALFORMED */
export function parseTimeout(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
  if (digits === undefined || unit === undefined) {
    throw rpcErrors.RPC_MALFORMED({ what: 'grpc-timeout', reason: `${header.slice(0, 32)} is not digits and a unit` });
  }
  return Math.max(1, Math.ceil(Number(digits) * (UNIT_MS[unit] as number)));
}
