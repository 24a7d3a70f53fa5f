/**
 * Slivers on the wire (Walrus encoding rules: BCS layouts). `SliverData` carries no axis: the path or the enum around it
 * says which way it lies. `index` is the sliver's own index, not its pair's. Decoded data is a view of the input.
 */
import { type BcsReader, type BcsWriter, decodeBcs, encodeBcs, ulebSize } from './bcs.ts';
import { AXES, type Axis, type SliverIndex } from './ids.ts';

export interface Sliver {
  readonly axis: Axis;
  readonly index: SliverIndex;
  /** Bytes of one symbol. */
  readonly symbolSize: number;
  /** The symbols one after the other. */
  readonly data: Uint8Array;
}

/** BCS `SliverData`: the body of `GET` and `PUT …/slivers/{pair}/{axis}`. */
export function encodeSliverData(sliver: Sliver): Uint8Array<ArrayBuffer> {
  return encodeBcs((writer) => writeSliverData(writer, sliver), sliverDataSize(sliver.data.length));
}

/**
 * The same bytes in three parts, the middle one being the sliver's own data: for senders that need not copy megabytes.
 */
export function sliverDataParts(sliver: Sliver): [head: Uint8Array, data: Uint8Array, tail: Uint8Array] {
  const { head, tail } = sliverDataEnds(sliver, sliver.data.length);
  return [head, sliver.data, tail];
}

/** What stands before and after `dataSizeBytes` of symbols: for senders that have not got them at once. */
export function sliverDataEnds(
  { symbolSize, index }: Pick<Sliver, 'symbolSize' | 'index'>,
  dataSizeBytes: number,
): { readonly head: Uint8Array<ArrayBuffer>; readonly tail: Uint8Array<ArrayBuffer> } {
  return {
    head: encodeBcs((writer) => writer.uleb(dataSizeBytes), 5),
    tail: encodeBcs((writer) => writer.u16(symbolSize).u16(index), 4),
  };
}

/** Bytes of `SliverData` with `dataSizeBytes` of symbols. */
export function sliverDataSize(dataSizeBytes: number): number {
  return ulebSize(dataSizeBytes) + dataSizeBytes + 4;
}

/** Data is a view of `bytes`; size and hash are not checked here. @throws INVALID_BCS */
export function decodeSliverData(bytes: Uint8Array, axis: Axis): Sliver {
  return decodeBcs(bytes, `${axis} sliver`, (reader) => readSliverData(reader, axis));
}

/** BCS `Sliver`: the enum form, with its axis. */
export function encodeSliver(sliver: Sliver): Uint8Array<ArrayBuffer> {
  return encodeBcs((writer) => writeSliver(writer, sliver), 1 + sliverDataSize(sliver.data.length));
}

/** Data is a view of `bytes`. @throws INVALID_BCS */
export function decodeSliver(bytes: Uint8Array): Sliver {
  return decodeBcs(bytes, 'sliver', readSliver);
}

/** For lists of slivers. */
export function writeSliver(writer: BcsWriter, sliver: Sliver): void {
  writer.uleb(AXES.indexOf(sliver.axis));
  writeSliverData(writer, sliver);
}

/** For lists of slivers. */
export function readSliver(reader: BcsReader): Sliver {
  return readSliverData(reader, reader.variant(AXES, 'the axis'));
}

function writeSliverData(writer: BcsWriter, sliver: Sliver): void {
  writer.bytes(sliver.data).u16(sliver.symbolSize).u16(sliver.index);
}

function readSliverData(reader: BcsReader, axis: Axis): Sliver {
  const data = reader.bytes('the symbols');
  const symbolSize = reader.u16('the symbol size');
  if (symbolSize === 0) reader.fail('a symbol size above 0', '0', reader.offset - 2);
  return { axis, symbolSize, data, index: reader.u16('the sliver index') as SliverIndex };
}
