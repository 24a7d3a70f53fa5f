/** What the browser test runs in a page: makes a video, stores it through the gateway, and plays it from there. */
import { type VideoFrame as EncodedFrame, writeWebm } from './webm.ts';

const WIDTH = 320;
const HEIGHT = 240;
const FRAMES = 160;
const FRAME_MS = 100;
/** The upper part of each frame is its number, a bar for each bit; the rest is noise, which takes room. */
const BARS_HEIGHT = 48;
const BITS = 8;
const BAR_WIDTH = WIDTH / BITS;

export interface StoredVideo {
  readonly blobId: string;
  readonly objectId: string;
  readonly sizeBytes: number;
  readonly durationSeconds: number;
}

export interface SeekResult {
  readonly durationSeconds: number;
  readonly currentTime: number;
  readonly width: number;
  /** Which frame the picture shows, by its bars. */
  readonly frame: number;
  /** Which one it should be. */
  readonly expectedFrame: number;
}

export interface FloePage {
  storeVideo(publisherUrl: string): Promise<StoredVideo>;
  seekVideo(url: string, fraction: number): Promise<SeekResult>;
}

declare global {
  interface Window {
    readonly floeVideoPage: FloePage;
  }
}

/** A PUT from a foreign page: the browser asks the gateway first whether it may. */
async function storeVideo(publisherUrl: string): Promise<StoredVideo> {
  const durationMs = FRAMES * FRAME_MS;
  const file = writeWebm({ width: WIDTH, height: HEIGHT, durationMs, frames: await encodeFrames() });
  const response = await fetch(`${publisherUrl}/v1/blobs?epochs=2`, { method: 'PUT', body: file });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  const { newlyCreated } = (await response.json()) as {
    newlyCreated: { blobObject: { id: string; blobId: string } };
  };
  const { id, blobId } = newlyCreated.blobObject;
  return { blobId, objectId: id, sizeBytes: file.length, durationSeconds: durationMs / 1000 };
}

async function encodeFrames(): Promise<EncodedFrame[]> {
  const frames: EncodedFrame[] = [];
  let failure: Error | undefined;
  const encoder = new VideoEncoder({
    output: (chunk) => {
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      frames.push({ timestampMs: chunk.timestamp / 1000, isKey: chunk.type === 'key', data });
    },
    error: (error) => {
      failure = error;
    },
  });
  encoder.configure({ codec: 'vp8', width: WIDTH, height: HEIGHT, bitrate: 8_000_000, framerate: 1000 / FRAME_MS });
  for (let number = 0; number < FRAMES; number += 1) {
    const frame = new VideoFrame(picture(number), {
      format: 'RGBA',
      codedWidth: WIDTH,
      codedHeight: HEIGHT,
      timestamp: number * FRAME_MS * 1000,
    });
    encoder.encode(frame, { keyFrame: number % 5 === 0 });
    frame.close();
  }
  await encoder.flush();
  encoder.close();
  if (failure !== undefined) throw failure;
  return frames;
}

function picture(number: number): Uint8Array<ArrayBuffer> {
  const pixels = new Uint8Array(WIDTH * HEIGHT * 4);
  for (let at = 0; at < pixels.length; at += 65_536) crypto.getRandomValues(pixels.subarray(at, at + 65_536));
  for (let at = 0; at < WIDTH * BARS_HEIGHT; at += 1) {
    const bit = Math.floor((at % WIDTH) / BAR_WIDTH);
    pixels.fill((number >> bit) % 2 === 1 ? 255 : 0, at * 4, at * 4 + 4);
  }
  for (let alpha = 3; alpha < pixels.length; alpha += 4) pixels[alpha] = 255;
  return pixels;
}

async function seekVideo(url: string, fraction: number): Promise<SeekResult> {
  const video = document.createElement('video');
  // Only what a foreign server lets this page read may be drawn and looked at.
  video.crossOrigin = 'anonymous';
  video.preload = 'metadata';
  video.muted = true;
  document.body.append(video);
  video.src = url;
  await settled(video, 'loadedmetadata');
  const target = video.duration * fraction;
  video.currentTime = target;
  await settled(video, 'seeked');
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const context = canvas.getContext('2d') as OffscreenCanvasRenderingContext2D;
  context.drawImage(video, 0, 0);
  let frame = 0;
  for (let bit = 0; bit < BITS; bit += 1) {
    const [brightness = 0] = context.getImageData((bit + 0.5) * BAR_WIDTH, BARS_HEIGHT / 2, 1, 1).data;
    if (brightness > 127) frame += 2 ** bit;
  }
  const result = {
    durationSeconds: video.duration,
    currentTime: video.currentTime,
    width: video.videoWidth,
    frame,
    expectedFrame: Math.floor((target * 1000) / FRAME_MS),
  };
  video.remove();
  return result;
}

function settled(video: HTMLVideoElement, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    video.addEventListener(event, () => resolve(), { once: true });
    const fail = (): void => reject(new Error(`${video.src}: ${video.error?.message ?? 'no reason given'}`));
    video.addEventListener('error', fail, { once: true });
  });
}

Object.assign(window, { floeVideoPage: { storeVideo, seekVideo } satisfies FloePage });
