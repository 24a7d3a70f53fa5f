/** Levels of the log, as arguments name them. */
import { cliErrors } from './errors.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export type LogLevel = (typeof LEVELS)[number];

/** @throws USAGE */
export function parseLogLevel(text: string): LogLevel {
  const level = LEVELS.find((item) => item === text);
  if (level === undefined) throw cliErrors.USAGE({ detail: `--log-level must be ${LEVELS.join(', ')}, got "${text}"` });
  return level;
}
