/** Levels of the log, as arguments and configurations name them. */
import { cliErrors } from './errors.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** @throws USAGE */
export function parseLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((item) => item === text);
  if (level === undefined) {
    throw cliErrors.USAGE({ detail: `--log-level must be ${LOG_LEVELS.join(', ')}, got "${text}"` });
  }
  return level;
}
