/**
 * What a command prints: results on standard output, everything else (progress, warnings, errors) on standard error,
 * so that `floe … --json | jq` and `floe read ID > file` always work.
 */
import { isFloeError } from '@floe/platform';
import { isInterrupt } from './errors.ts';

export interface Output {
  readonly json: boolean;
  /** A line for people; nothing with `--json`. */
  line(text?: string): void;
  /** The result for machines; nothing without `--json`. */
  result(value: unknown): void;
  /** The same on one line, for a command that goes on: who reads line by line has it whole. */
  resultLine(value: unknown): void;
  warn(text: string): void;
  fail(error: unknown): void;
  /** A progress display; call `done` before other output. */
  progress(label: string): Progress;
}

export interface Progress {
  /** `detail` is shown only where lines can be rewritten. */
  update(stage: string, fraction?: number, detail?: string): void;
  done(): void;
}

interface Streams {
  readonly stdout: Pick<NodeJS.WriteStream, 'write'>;
  readonly stderr: Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'>;
}

/** JSON with bigints as decimal strings. */
export function toJson(value: unknown, indent = 2): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item), indent);
}

export function createOutput(json: boolean, streams: Streams = process): Output {
  const { stdout, stderr } = streams;
  return {
    json,
    line: (text = '') => {
      if (!json) stdout.write(`${text}\n`);
    },
    result: (value) => {
      if (json) stdout.write(`${toJson(value)}\n`);
    },
    resultLine: (value) => {
      if (json) stdout.write(`${toJson(value, 0)}\n`);
    },
    warn: (text) => {
      stderr.write(`warning: ${text}\n`);
    },
    fail: (error) => {
      stderr.write(json ? `${toJson({ error: describeError(error) })}\n` : `${explain(error)}\n`);
    },
    progress: (label) => {
      if (json) return silentProgress;
      return stderr.isTTY === true ? barProgress(label, stderr) : lineProgress(label, stderr);
    },
  };
}

const silentProgress: Progress = { update() {}, done() {} };

const BAR_CELLS = 24;

/** One line that rewrites itself. */
function barProgress(label: string, stream: Streams['stderr']): Progress {
  let shown = '';
  return {
    update(stage, fraction, detail = '') {
      const bar = fraction === undefined ? '' : ` ${bars(fraction)} ${Math.floor(fraction * 100)} %`;
      const text = `${label}: ${stage}${detail}${bar}`;
      if (text === shown) return;
      stream.write(`\r\u001B[K${text.slice(0, (stream.columns || 80) - 1)}`);
      shown = text;
    },
    done() {
      if (shown !== '') stream.write('\r\u001B[K');
      shown = '';
    },
  };
}

function bars(fraction: number): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * BAR_CELLS);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}]`;
}

/** One line per stage. */
function lineProgress(label: string, stream: Streams['stderr']): Progress {
  let last = '';
  return {
    update(stage) {
      if (stage === last) return;
      last = stage;
      stream.write(`${label}: ${stage}\n`);
    },
    done() {},
  };
}

function describeError(error: unknown): unknown {
  if (isFloeError(error)) return error.toJSON();
  const message = error instanceof Error ? error.message : String(error);
  if (isInterrupt(error)) return { code: 'INTERRUPTED', kind: 'unavailable', message, data: {} };
  return { code: 'INTERNAL', kind: 'internal', message, data: {} };
}

function explain(error: unknown): string {
  if (isFloeError(error)) return `error: ${error.message} (${error.code})`;
  if (isInterrupt(error)) return error.message;
  if (error instanceof Error) return `error: ${process.env['FLOE_DEBUG'] === undefined ? error.message : error.stack}`;
  return `error: ${String(error)}`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** A size for people, three significant digits: `1.50 MiB`. */
export function formatBytes(sizeBytes: number): string {
  let value = sizeBytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toPrecision(value >= 1000 ? 4 : 3)} ${UNITS[unit]}`;
}

/** An amount of a coin with nine decimals, trailing zeros dropped: `1.5 WAL`. */
export function formatCoin(amount: bigint, symbol: 'WAL' | 'SUI'): string {
  const whole = amount / 1_000_000_000n;
  const decimals = (amount % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `${whole}${decimals === '' ? '' : `.${decimals}`} ${symbol}`;
}
