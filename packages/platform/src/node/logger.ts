/** Structured logs through pino: one JSON object per line, or coloured text for people. */
import { type DestinationStream, destination as fileDestination, pino, type Logger as Pino } from 'pino';
import type { LogFields, Logger } from '../observe.ts';

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** `time LEVEL message key=value` instead of JSON. */
  readonly pretty?: boolean;
  /** Where lines go: a file's path, or anything with `write`; default standard error. Lines are written at once. */
  readonly destination?: string | { write(line: string): void };
}

/** Makes a logger. Error values in fields are printed with stack and cause; bigints as text. */
export function createLogger(options: LoggerOptions): Logger {
  const target: DestinationStream =
    typeof options.destination === 'object'
      ? options.destination
      : fileDestination({ dest: options.destination ?? 2, sync: true, mkdir: true });
  const stream = options.pretty === true ? prettyStream(target) : target;
  return wrap(pino({ level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream));
}

function wrap(logger: Pino): Logger {
  return {
    debug: (message, fields) => logger.debug(printable(fields), message),
    info: (message, fields) => logger.info(printable(fields), message),
    warn: (message, fields) => logger.warn(printable(fields), message),
    error: (message, fields) => logger.error(printable(fields), message),
    child: (fields) => wrap(logger.child(printable(fields))),
  };
}

function printable(fields: LogFields | undefined): Record<string, unknown> {
  if (fields === undefined) return {};
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, printableValue(value)]));
}

function printableValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Error ? pino.stdSerializers.errWithCause(value) : value;
}

const LEVEL_NAMES: Readonly<Record<number, string>> = { 20: 'DEBUG', 30: 'INFO ', 40: 'WARN ', 50: 'ERROR' };

function prettyStream(target: DestinationStream): DestinationStream {
  return {
    write(line) {
      const { time, level, msg, ...fields } = JSON.parse(line) as { time: string; level: number; msg: string };
      const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${prettyValue(value)}`);
      target.write(`${time.slice(11, 23)} ${LEVEL_NAMES[level] ?? level} ${msg}${rest.join('')}\n`);
    },
  };
}

function prettyValue(value: unknown): string {
  if (typeof value === 'string') return /[\s"=]/.test(value) ? JSON.stringify(value) : value;
  if (typeof value === 'object' && value !== null && 'stack' in value) return String(value.stack);
  return JSON.stringify(value);
}
