/** Kinds of values that settings have: what is accepted, how it is written down, and what it is in the program. */
import { parseObjectId, type ObjectId } from '@floe/protocol';
import { basisPoints, readAmount, sizeInBytes } from '../amounts.ts';
import { formatDuration, parseDuration } from '../durations.ts';
import { formatBytes } from '../output.ts';

/** As it stands in the file. */
export type RawValue = string | number | boolean;

export interface ValueKind<T> {
  /** Completes "expected …". */
  readonly expected: string;
  /** The value; undefined when `raw` is none of this kind. */
  read(raw: unknown): T | undefined;
  /** Environment variables and flags hold texts: what the same text would be in the file. */
  readonly fromText?: (text: string) => RawValue;
}

/** A text of `min` to `max` bytes. */
export function text(what: string, { min = 1, max = 1000 }: { min?: number; max?: number } = {}): ValueKind<string> {
  return {
    expected: `${what}, in ${min} to ${max} bytes`,
    read: (raw) => {
      const size = typeof raw === 'string' ? Buffer.byteLength(raw) : -1;
      return size >= min && size <= max ? (raw as string) : undefined;
    },
  };
}

/** A path; relative ones are taken from the directory of the file. */
export const path: ValueKind<string> = {
  expected: 'a path, absolute or from the directory of this file',
  read: (raw) => (typeof raw === 'string' && raw !== '' && !raw.includes('\0') ? raw : undefined),
};

export const httpUrl: ValueKind<string> = {
  expected: 'an address that begins with http:// or https://',
  read: (raw) => (typeof raw === 'string' && /^https?:\/\/[^/]/.test(raw) && URL.canParse(raw) ? raw : undefined),
};

export const objectId: ValueKind<ObjectId> = {
  expected: 'an object id: 0x and 64 lower-case hex digits',
  read: (raw) => (typeof raw === 'string' && /^0x[0-9a-f]{64}$/.test(raw) ? parseObjectId(raw) : undefined),
};

const HOST = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$/;

export const hostAndPort: ValueKind<string> = {
  expected: 'a host name or address and a port from 1 to 65535, such as "node.example.org:9185"',
  read: (raw) => {
    const [, host = '', port = ''] = (typeof raw === 'string' ? /^(.+):(\d{1,5})$/.exec(raw) : null) ?? [];
    return HOST.test(host) && Number(port) >= 1 && Number(port) <= 65_535 ? (raw as string) : undefined;
  },
};

const asNumber = (given: string): RawValue => (/^-?\d+$/.test(given) ? Number(given) : given);

export function wholeNumber(min: number, max: number): ValueKind<number> {
  return {
    expected: `a whole number from ${min} to ${max}`,
    read: (raw) => within(raw, min, max),
    fromText: asNumber,
  };
}

/** Bytes: a number, or a text with its unit. */
export function size(min: number, max: number): ValueKind<number> {
  return {
    expected: `a size from ${formatBytes(min)} to ${formatBytes(max)}: "256MiB" with its unit, or a number of bytes`,
    read: (raw) => within(typeof raw === 'string' ? quietly(() => Number(sizeInBytes(raw))) : raw, min, max),
    fromText: asNumber,
  };
}

/** Bytes a second: a number, or a text with its unit. */
export function rate(min: number, max: number): ValueKind<number> {
  return {
    expected: `a rate from ${formatBytes(min)}/s to ${formatBytes(max)}/s: "16MiB/s", or a number of bytes a second`,
    read: (raw) => {
      if (typeof raw !== 'string') return within(raw, min, max);
      return raw.endsWith('/s')
        ? within(
            quietly(() => Number(sizeInBytes(raw.slice(0, -2)))),
            min,
            max,
          )
        : undefined;
    },
    fromText: asNumber,
  };
}

/** Milliseconds: a number, or a text with units. */
export function duration(minMs: number, maxMs: number): ValueKind<number> {
  return {
    expected:
      `a length of time from ${formatDuration(minMs)} to ${formatDuration(maxMs)}: ` +
      '"90s", "1h30m" or "7d" with its unit, or a number of milliseconds',
    read: (raw) => within(typeof raw === 'string' ? parseDuration(raw) : raw, minMs, maxMs),
    fromText: asNumber,
  };
}

/** Hundredths of a percent: a number, or a text with the sign. */
export const share: ValueKind<number> = {
  expected: 'a share from "0%" to "100%", such as "7.5%", or a number of basis points up to 10000',
  read: (raw) => within(typeof raw === 'string' ? quietly(() => basisPoints(raw)) : raw, 0, 10_000),
  fromText: asNumber,
};

/** FROST: a text, as a JSON number does not hold all of them exactly. */
export const frost: ValueKind<bigint> = {
  expected: 'an amount such as "0.0001WAL" or "100000FROST", or FROST in quotes, such as "100000"',
  read: (raw) => {
    if (typeof raw !== 'string') return undefined;
    const amount = readAmount(/^\d+$/.test(raw) ? `${raw}FROST` : raw);
    return amount?.coin === 'WAL' ? amount.value : undefined;
  },
};

/** Bytes that may be more than a JSON number holds exactly. */
export const capacity: ValueKind<bigint> = {
  expected: 'a size with its unit, such as "10TiB", or bytes in quotes, such as "10995116277760"',
  read: (raw) =>
    typeof raw === 'string' ? quietly(() => sizeInBytes(/^\d+$/.test(raw) ? `${raw}B` : raw)) : undefined,
};

export function choice<T extends string>(...names: readonly T[]): ValueKind<T> {
  return {
    expected: `one of ${names.map((name) => `"${name}"`).join(', ')}`,
    read: (raw) => names.find((name) => name === raw),
  };
}

/** Said, or left out. */
export const flag: ValueKind<true> = {
  expected: 'true, or nothing',
  read: (raw) => (raw === true ? true : undefined),
  fromText: (text_) => text_ === 'true',
};

/** Only this value. */
export function constant<T extends RawValue>(value: T): ValueKind<T> {
  return { expected: JSON.stringify(value), read: (raw) => (raw === value ? value : undefined), fromText: asNumber };
}

function within(raw: unknown, min: number, max: number): number | undefined {
  return Number.isSafeInteger(raw) && (raw as number) >= min && (raw as number) <= max ? (raw as number) : undefined;
}

function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
