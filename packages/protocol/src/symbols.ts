/**
 * Recovery symbols on the wire (Walrus encoding rules: recovery symbols, BCS layouts).
 *
 * The symbol at row a, column b of the expanded matrix lies on primary sliver a and secondary sliver b. An `axis` here
 * always names the sliver **being recovered**; `index` is that of the orthogonal sliver the symbol was taken from.
 * Decoded data and digests are views of the input.
 */
import { type BcsReader, type BcsWriter, decodeBcs, encodeBcs } from './bcs.ts';
import { HASH_SIZE_BYTES } from './hash.ts';
import { AXES, type Axis, type BlobId, blobIdBytes, blobIdFromBytes, ID_SIZE_BYTES, type SliverIndex } from './ids.ts';
import { MAX_LIST_ITEMS, MAX_MERKLE_PATH_NODES } from './limits.ts';
import type { MerkleNode, MerklePath } from './merkle.ts';
import { readSliver, type Sliver, writeSliver } from './sliver.ts';

export interface DecodingSymbol {
  /** Sliver the symbol was taken from; its position in the code word. */
  readonly index: SliverIndex;
  readonly data: Uint8Array;
}

/** A decoding symbol that says which axis it helps to recover. */
export interface EitherDecodingSymbol extends DecodingSymbol {
  readonly axis: Axis;
}

export interface RecoverySymbol extends DecodingSymbol {
  /** Path in the source sliver's tree, for the leaf with the target's index. */
  readonly proof: MerklePath;
}

/** A recovery symbol that says what it is for. */
export interface GeneralRecoverySymbol extends RecoverySymbol {
  /** Axis of the sliver that it helps to recover. */
  readonly axis: Axis;
  readonly targetIndex: SliverIndex;
}

/** Symbols, each proven, that together rebuild a sliver with a hash other than the metadata's. */
export interface InconsistencyProof {
  /** Axis of the sliver that is inconsistent. */
  readonly axis: Axis;
  readonly targetIndex: SliverIndex;
  readonly symbols: readonly RecoverySymbol[];
}

/** Position in the expanded matrix: row and column. */
export interface SymbolId {
  readonly primary: SliverIndex;
  readonly secondary: SliverIndex;
}

/** Fewest bytes on the wire, for checking counts: index and an empty vector. */
const MIN_DECODING_SYMBOL_BYTES = 3;
const MIN_RECOVERY_SYMBOL_BYTES = MIN_DECODING_SYMBOL_BYTES + 1;
const MIN_SLIVER_ENTRY_BYTES = ID_SIZE_BYTES + 6;

/** Where in the matrix the symbol lies. */
export function symbolIdOf(symbol: GeneralRecoverySymbol): SymbolId {
  return symbol.axis === 'primary'
    ? { primary: symbol.targetIndex, secondary: symbol.index }
    : { primary: symbol.index, secondary: symbol.targetIndex };
}

/** Text form `row-column`, as in queries. */
export function symbolIdText(id: SymbolId): string {
  return `${id.primary}-${id.secondary}`;
}

/** The position of a text `row-column`; undefined when it is not one. */
export function parseSymbolId(text: string): SymbolId | undefined {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  const [primary, secondary] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || primary > 0xffff || secondary > 0xffff) return undefined;
  return { primary: primary as SliverIndex, secondary: secondary as SliverIndex };
}

/** BCS `SymbolId`. */
export function encodeSymbolId(id: SymbolId): Uint8Array {
  return encodeBcs((writer) => writer.u16(id.primary).u16(id.secondary), 4);
}

/** @throws INVALID_BCS */
export function decodeSymbolId(bytes: Uint8Array): SymbolId {
  return decodeBcs(bytes, 'symbol id', (reader) => ({ primary: readIndex(reader), secondary: readIndex(reader) }));
}

/** BCS `DecodingSymbol`. */
export function encodeDecodingSymbol(symbol: DecodingSymbol): Uint8Array {
  return encodeBcs((writer) => writeDecodingSymbol(writer, symbol), symbol.data.length + 8);
}

/** @throws INVALID_BCS */
export function decodeDecodingSymbol(bytes: Uint8Array): DecodingSymbol {
  return decodeBcs(bytes, 'decoding symbol', readDecodingSymbol);
}

/** BCS `RecoverySymbol<axis>`, which does not say its axis. */
export function encodeRecoverySymbol(symbol: RecoverySymbol): Uint8Array {
  return encodeBcs((writer) => writeRecoverySymbol(writer, symbol), symbol.data.length + 512);
}

/** @throws INVALID_BCS */
export function decodeRecoverySymbol(bytes: Uint8Array): RecoverySymbol {
  return decodeBcs(bytes, 'recovery symbol', readRecoverySymbol);
}

/** BCS `RecoverySymbol`: the enum by axis. */
export function encodeTaggedRecoverySymbol(symbol: RecoverySymbol & { readonly axis: Axis }): Uint8Array {
  return encodeBcs((writer) => {
    writer.uleb(AXES.indexOf(symbol.axis));
    writeRecoverySymbol(writer, symbol);
  }, symbol.data.length + 512);
}

/** @throws INVALID_BCS */
export function decodeTaggedRecoverySymbol(bytes: Uint8Array): RecoverySymbol & { readonly axis: Axis } {
  return decodeBcs(bytes, 'recovery symbol', (reader) => {
    const axis = reader.variant(AXES, 'the axis');
    return { axis, ...readRecoverySymbol(reader) };
  });
}

/** BCS `RecoverySymbolPair`: the primary's, then the secondary's. */
export function encodeRecoverySymbolPair(pair: Readonly<Record<Axis, RecoverySymbol>>): Uint8Array {
  return encodeBcs((writer) => {
    writeRecoverySymbol(writer, pair.primary);
    writeRecoverySymbol(writer, pair.secondary);
  });
}

/** @throws INVALID_BCS */
export function decodeRecoverySymbolPair(bytes: Uint8Array): Record<Axis, RecoverySymbol> {
  return decodeBcs(bytes, 'recovery symbol pair', (reader) => ({
    primary: readRecoverySymbol(reader),
    secondary: readRecoverySymbol(reader),
  }));
}

/** BCS `GeneralRecoverySymbol`. */
export function encodeGeneralRecoverySymbol(symbol: GeneralRecoverySymbol): Uint8Array {
  return encodeBcs((writer) => writeGeneralRecoverySymbol(writer, symbol), symbol.data.length + 512);
}

/** @throws INVALID_BCS */
export function decodeGeneralRecoverySymbol(bytes: Uint8Array): GeneralRecoverySymbol {
  return decodeBcs(bytes, 'general recovery symbol', readGeneralRecoverySymbol);
}

/** BCS `vec<GeneralRecoverySymbol>`: the answer to `GET …/recoverySymbols`. */
export function encodeGeneralRecoverySymbols(symbols: readonly GeneralRecoverySymbol[]): Uint8Array {
  return encodeBcs((writer) => writer.vector(symbols, writeGeneralRecoverySymbol), 4096);
}

/** @throws INVALID_BCS */
export function decodeGeneralRecoverySymbols(bytes: Uint8Array): GeneralRecoverySymbol[] {
  return decodeBcs(bytes, 'recovery symbols', (reader) =>
    reader.vector(readGeneralRecoverySymbol, MIN_RECOVERY_SYMBOL_BYTES + 3, MAX_LIST_ITEMS, 'symbols'),
  );
}

/** BCS `map<u16, vec<EitherDecodingSymbol>>` by target sliver: the answer to `GET …/decodingSymbols`. */
export function encodeDecodingSymbolMap(
  symbols: ReadonlyMap<SliverIndex, readonly EitherDecodingSymbol[]>,
): Uint8Array {
  return encodeBcs((writer) => {
    writer.map(
      symbols,
      (keyWriter, target) => keyWriter.u16(target),
      (valueWriter, list) => valueWriter.vector(list, writeEitherDecodingSymbol),
    );
  }, 4096);
}

/** @throws INVALID_BCS */
export function decodeDecodingSymbolMap(bytes: Uint8Array): Map<SliverIndex, EitherDecodingSymbol[]> {
  return decodeBcs(bytes, 'decoding symbols', (reader) => {
    const readList = (from: BcsReader) =>
      from.vector(readEitherDecodingSymbol, MIN_DECODING_SYMBOL_BYTES + 1, MAX_LIST_ITEMS, 'symbols');
    return new Map(reader.map(readIndex, readList, 3, MAX_LIST_ITEMS, 'symbols by target'));
  });
}

/** BCS `InconsistencyProof<axis>`: the body of `POST …/inconsistencyProof/{axis}`, whose path gives the axis. */
export function encodeInconsistencyProof(proof: InconsistencyProof): Uint8Array {
  return encodeBcs((writer) => writeInconsistencyProof(writer, proof), 4096);
}

/** @throws INVALID_BCS */
export function decodeInconsistencyProof(bytes: Uint8Array, axis: Axis): InconsistencyProof {
  return decodeBcs(bytes, 'inconsistency proof', (reader) => readInconsistencyProof(reader, axis));
}

/** BCS `InconsistencyProof`: the enum by axis. */
export function encodeTaggedInconsistencyProof(proof: InconsistencyProof): Uint8Array {
  return encodeBcs((writer) => {
    writer.uleb(AXES.indexOf(proof.axis));
    writeInconsistencyProof(writer, proof);
  }, 4096);
}

/** @throws INVALID_BCS */
export function decodeTaggedInconsistencyProof(bytes: Uint8Array): InconsistencyProof {
  return decodeBcs(bytes, 'inconsistency proof', (reader) =>
    readInconsistencyProof(reader, reader.variant(AXES, 'the axis')),
  );
}

/** BCS `SyncShardResponse`: one page of a shard's slivers. */
export function encodeSyncShardResponse(entries: readonly { blobId: BlobId; sliver: Sliver }[]): Uint8Array {
  return encodeBcs((writer) => {
    writer.uleb(0).vector(entries, (entryWriter, { blobId, sliver }) => {
      entryWriter.fixed(blobIdBytes(blobId));
      writeSliver(entryWriter, sliver);
    });
  }, 4096);
}

/** @throws INVALID_BCS */
export function decodeSyncShardResponse(bytes: Uint8Array): { blobId: BlobId; sliver: Sliver }[] {
  return decodeBcs(bytes, 'sync shard response', (reader) => {
    reader.variant(['V1'], 'the response version');
    const readEntry = (from: BcsReader) => ({
      blobId: blobIdFromBytes(from.fixed(ID_SIZE_BYTES, 'a blob id')),
      sliver: readSliver(from),
    });
    return reader.vector(readEntry, MIN_SLIVER_ENTRY_BYTES, Number.MAX_SAFE_INTEGER, 'slivers');
  });
}

function readIndex(reader: BcsReader): SliverIndex {
  return reader.u16('a sliver index') as SliverIndex;
}

function writeDecodingSymbol(writer: BcsWriter, symbol: DecodingSymbol): void {
  writer.u16(symbol.index).bytes(symbol.data);
}

function readDecodingSymbol(reader: BcsReader): DecodingSymbol {
  return { index: readIndex(reader), data: reader.bytes('a symbol') };
}

function writeEitherDecodingSymbol(writer: BcsWriter, symbol: EitherDecodingSymbol): void {
  writer.uleb(AXES.indexOf(symbol.axis));
  writeDecodingSymbol(writer, symbol);
}

function readEitherDecodingSymbol(reader: BcsReader): EitherDecodingSymbol {
  const axis = reader.variant(AXES, 'the axis');
  return { axis, ...readDecodingSymbol(reader) };
}

function writePath(writer: BcsWriter, path: MerklePath): void {
  writer.vector(path, (nodeWriter, node) => {
    if (node === undefined) nodeWriter.uleb(0);
    else nodeWriter.uleb(1).fixed(node);
  });
}

function readPath(reader: BcsReader): MerkleNode[] {
  return reader.vector(readNode, 1, MAX_MERKLE_PATH_NODES, 'a Merkle path');
}

function readNode(reader: BcsReader): MerkleNode {
  return reader.variant(['empty', 'digest'], 'a Merkle node') === 'empty'
    ? undefined
    : reader.fixed(HASH_SIZE_BYTES, 'a digest');
}

function writeRecoverySymbol(writer: BcsWriter, symbol: RecoverySymbol): void {
  writeDecodingSymbol(writer, symbol);
  writePath(writer, symbol.proof);
}

function readRecoverySymbol(reader: BcsReader): RecoverySymbol {
  return { ...readDecodingSymbol(reader), proof: readPath(reader) };
}

function writeGeneralRecoverySymbol(writer: BcsWriter, symbol: GeneralRecoverySymbol): void {
  writeEitherDecodingSymbol(writer, symbol);
  writer.u16(symbol.targetIndex);
  writePath(writer, symbol.proof);
}

function readGeneralRecoverySymbol(reader: BcsReader): GeneralRecoverySymbol {
  const symbol = readEitherDecodingSymbol(reader);
  return { ...symbol, targetIndex: readIndex(reader), proof: readPath(reader) };
}

function writeInconsistencyProof(writer: BcsWriter, proof: InconsistencyProof): void {
  writer.u16(proof.targetIndex).vector(proof.symbols, writeRecoverySymbol);
}

function readInconsistencyProof(reader: BcsReader, axis: Axis): InconsistencyProof {
  const targetIndex = readIndex(reader);
  const symbols = reader.vector(readRecoverySymbol, MIN_RECOVERY_SYMBOL_BYTES, MAX_LIST_ITEMS, 'symbols');
  return { axis, targetIndex, symbols };
}
