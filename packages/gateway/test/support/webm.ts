/**
 * Writes a WebM file from encoded VP8 frames, with what a player needs to seek: a duration, and cues that name the
 * cluster of each key frame. The cues stand at the end, as recorders leave them, so that a player must ask for them.
 */

export interface VideoFrame {
  readonly timestampMs: number;
  readonly isKey: boolean;
  readonly data: Uint8Array;
}

export interface VideoTrack {
  readonly width: number;
  readonly height: number;
  readonly durationMs: number;
  /** In order; the first is a key frame. */
  readonly frames: readonly VideoFrame[];
}

type Part = Uint8Array | readonly Part[];

/** Element ids of EBML (RFC 8794) and Matroska (RFC 9559). */
const ID = {
  ebml: 0x1a45dfa3,
  ebmlVersion: 0x4286,
  ebmlReadVersion: 0x42f7,
  ebmlMaxIdLength: 0x42f2,
  ebmlMaxSizeLength: 0x42f3,
  docType: 0x4282,
  docTypeVersion: 0x4287,
  docTypeReadVersion: 0x4285,
  segment: 0x18538067,
  seekHead: 0x114d9b74,
  seek: 0x4dbb,
  seekId: 0x53ab,
  seekPosition: 0x53ac,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  duration: 0x4489,
  muxingApp: 0x4d80,
  writingApp: 0x5741,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackUid: 0x73c5,
  trackType: 0x83,
  codecId: 0x86,
  video: 0xe0,
  pixelWidth: 0xb0,
  pixelHeight: 0xba,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  simpleBlock: 0xa3,
  cues: 0x1c53bb6b,
  cuePoint: 0xbb,
  cueTime: 0xb3,
  cueTrackPositions: 0xb7,
  cueTrack: 0xf7,
  cueClusterPosition: 0xf1,
} as const;

const VIDEO_TRACK = 1;
const NANOSECONDS_PER_MS = 1_000_000;

export function writeWebm(track: VideoTrack): Uint8Array<ArrayBuffer> {
  const info = element(ID.info, [
    uint(ID.timestampScale, NANOSECONDS_PER_MS),
    element(ID.duration, float(track.durationMs)),
    text(ID.muxingApp, 'floe'),
    text(ID.writingApp, 'floe'),
  ]);
  const tracks = element(ID.tracks, trackEntry(track));
  const clusters = clustersOf(track.frames);
  // Positions count from the first byte in the segment; those of the seek head have a fixed width, hence so has it.
  const infoAt = seekHead(0, 0, 0).length;
  const tracksAt = infoAt + info.length;
  let at = tracksAt + tracks.length;
  const points: Part[] = [];
  for (const { timestampMs, bytes } of clusters) {
    points.push(cuePoint(timestampMs, at));
    at += bytes.length;
  }
  const body = [
    seekHead(infoAt, tracksAt, at),
    info,
    tracks,
    clusters.map(({ bytes }) => bytes),
    element(ID.cues, points),
  ];
  return join([fileHead(), element(ID.segment, body)]);
}

function fileHead(): Uint8Array {
  return element(ID.ebml, [
    uint(ID.ebmlVersion, 1),
    uint(ID.ebmlReadVersion, 1),
    uint(ID.ebmlMaxIdLength, 4),
    uint(ID.ebmlMaxSizeLength, 8),
    text(ID.docType, 'webm'),
    uint(ID.docTypeVersion, 4),
    uint(ID.docTypeReadVersion, 2),
  ]);
}

function seekHead(infoAt: number, tracksAt: number, cuesAt: number): Uint8Array {
  const seek = (id: number, position: number) =>
    element(ID.seek, [element(ID.seekId, idBytes(id)), uint(ID.seekPosition, position)]);
  return element(ID.seekHead, [seek(ID.info, infoAt), seek(ID.tracks, tracksAt), seek(ID.cues, cuesAt)]);
}

function trackEntry({ width, height }: VideoTrack): Uint8Array {
  return element(ID.trackEntry, [
    uint(ID.trackNumber, VIDEO_TRACK),
    uint(ID.trackUid, VIDEO_TRACK),
    uint(ID.trackType, 1),
    text(ID.codecId, 'V_VP8'),
    element(ID.video, [uint(ID.pixelWidth, width), uint(ID.pixelHeight, height)]),
  ]);
}

/** One for each key frame and the frames that build on it. */
function clustersOf(frames: readonly VideoFrame[]): { timestampMs: number; bytes: Uint8Array }[] {
  const groups: VideoFrame[][] = [];
  for (const frame of frames) {
    if (frame.isKey) groups.push([]);
    groups.at(-1)?.push(frame);
  }
  return groups.map((group) => {
    const timestampMs = group[0]?.timestampMs ?? 0;
    const blocks = group.map((frame) => simpleBlock(frame, timestampMs));
    return { timestampMs, bytes: element(ID.cluster, [uint(ID.timestamp, timestampMs), blocks]) };
  });
}

function simpleBlock({ timestampMs, isKey, data }: VideoFrame, clusterMs: number): Uint8Array {
  const head = new Uint8Array(4);
  head[0] = 0x80 | VIDEO_TRACK;
  new DataView(head.buffer).setInt16(1, timestampMs - clusterMs);
  head[3] = isKey ? 0x80 : 0;
  return element(ID.simpleBlock, [head, data]);
}

function cuePoint(timestampMs: number, clusterAt: number): Uint8Array {
  const positions = [uint(ID.cueTrack, VIDEO_TRACK), uint(ID.cueClusterPosition, clusterAt)];
  return element(ID.cuePoint, [uint(ID.cueTime, timestampMs), element(ID.cueTrackPositions, positions)]);
}

function element(id: number, content: Part): Uint8Array<ArrayBuffer> {
  const body = join(content);
  // Sizes of eight bytes: longer than needed, and simple.
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, (1n << 56n) | BigInt(body.length));
  return join([idBytes(id), size, body]);
}

function uint(id: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return element(id, bytes);
}

function text(id: number, value: string): Uint8Array {
  return element(id, new TextEncoder().encode(value));
}

function float(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

/** Ids are written as they are, without leading zeros. */
function idBytes(id: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, id);
  return bytes.subarray(bytes.findIndex((byte) => byte !== 0));
}

function join(part: Part): Uint8Array<ArrayBuffer> {
  const flat = flatten(part);
  const whole = new Uint8Array(flat.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const piece of flat) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}

function flatten(part: Part): Uint8Array[] {
  return part instanceof Uint8Array ? [part] : part.flatMap(flatten);
}
