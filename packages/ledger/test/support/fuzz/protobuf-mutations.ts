/** Damage to protobuf messages that keeps their wire format, so that it reaches what reads the fields. */
import { concatBytes } from '@floe/platform';
import { seededBytes } from '../../rpc/support/random.ts';
import { damage } from './bytes.ts';

type Random = (bound: number) => number;

interface Field {
  readonly number: number;
  readonly wire: number;
  /** What follows the tag: a varint, fixed bytes, or the contents of what has a length. */
  readonly value: Uint8Array;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Uint8Array.from(bytes);
}

/** A varint's value and size; undefined when it does not end or is no safe integer. */
function readVarint(bytes: Uint8Array, at: number): { value: number; size: number } | undefined {
  let value = 0;
  for (let size = 0; size < 10; size += 1) {
    const byte = bytes[at + size];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * size);
    if (byte < 0x80) return Number.isSafeInteger(value) ? { value, size: size + 1 } : undefined;
  }
  return undefined;
}

/** The fields of a message; undefined for bytes that are none. */
function parseFields(bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = readVarint(bytes, at);
    if (tag === undefined || tag.value < 8) return undefined;
    at += tag.size;
    const wire = tag.value % 8;
    let size: number;
    if (wire === 0) {
      const value = readVarint(bytes, at);
      if (value === undefined) return undefined;
      size = value.size;
    } else if (wire === 2) {
      const length = readVarint(bytes, at);
      if (length === undefined) return undefined;
      at += length.size;
      size = length.value;
    } else if (wire === 1) size = 8;
    else if (wire === 5) size = 4;
    else return undefined;
    if (at + size > bytes.length) return undefined;
    fields.push({ number: Math.floor(tag.value / 8), wire, value: bytes.subarray(at, at + size) });
    at += size;
  }
  return fields;
}

function writeField({ number, wire, value }: Field, claimed?: number): Uint8Array {
  const tag = varint(number * 8 + wire);
  return wire === 2 ? concatBytes(tag, varint(claimed ?? value.length), value) : concatBytes(tag, value);
}

const LENGTHS = [0, 1, 127, 128, 65_535, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 40];

/** The message with one field, however deep, changed, dropped, doubled, renumbered or with another length or type. */
export function mutateMessage(message: Uint8Array, random: Random, depth = 0): Uint8Array {
  const fields = parseFields(message);
  if (fields === undefined || fields.length === 0 || random(12) === 0) return damage(message, random);
  const at = random(fields.length);
  const field = fields[at] as Field;
  const written = fields.map((one) => writeField(one));
  switch (random(8)) {
    case 0:
      written.splice(at, 1);
      break;
    case 1:
      written.push(...Array.from({ length: 1 + random(40) }, () => written[at] as Uint8Array));
      break;
    case 2:
      written[at] = writeField({ ...field, number: random(4) === 0 ? 2 ** 29 - 1 : 1 + random(20) });
      break;
    case 3:
      written[at] = writeField({ ...field, wire: random(8) });
      break;
    case 4:
      written[at] = writeField(field, LENGTHS[random(LENGTHS.length)]);
      break;
    default: {
      const isMessage = field.wire === 2 && depth < 8 && random(4) > 0;
      const value = isMessage ? mutateMessage(field.value, random, depth + 1) : damage(field.value, random);
      const whole = field.wire === 0 && (value.length === 0 || value.length > 10) ? seededBytes(random, 1) : value;
      written[at] = writeField({ ...field, value: whole });
    }
  }
  return concatBytes(...written);
}
