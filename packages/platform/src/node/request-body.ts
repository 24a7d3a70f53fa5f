/** Reads the body of a raw Node.js request: into one buffer, allocated once when its size is declared, or as it comes. */
import type { IncomingMessage } from 'node:http';
import { bodyTooLarge, httpErrors } from '../http.ts';
import { letSend } from './expect-continue.ts';

/**
 * The whole body. A declared size past the maximum is refused before a byte is read.
 *
 * @throws `BODY_TOO_LARGE`, `BODY_TRUNCATED` (both invalid)
 */
export async function readIncoming(incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const header = incoming.headers['content-length'];
  const declared = header === undefined ? undefined : Number(header);
  if (declared !== undefined && declared > maxBytes) throw bodyTooLarge(declared, maxBytes);
  if (incoming.readableDidRead) throw new TypeError('the body of this request was already read');
  letSend(incoming);
  // Large zeroed memory is only reserved until it is written: a client that declares much and sends nothing costs nothing.
  let whole = new Uint8Array(declared ?? 16_384);
  let length = 0;
  await new Promise<void>((resolve, reject) => {
    const settle = (error?: Error): void => {
      incoming.off('data', onData).off('end', onEnd).off('error', onClose).off('close', onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onData = (chunk: Buffer): void => {
      const end = length + chunk.length;
      if (end > maxBytes) {
        incoming.pause();
        settle(bodyTooLarge(end, maxBytes));
        return;
      }
      if (end > whole.length) {
        const larger = new Uint8Array(Math.min(maxBytes, Math.max(end, whole.length * 2)));
        larger.set(whole.subarray(0, length));
        whole = larger;
      }
      whole.set(chunk, length);
      length = end;
    };
    const onEnd = (): void => settle();
    const onClose = (): void => {
      settle(httpErrors.BODY_TRUNCATED({ sizeBytes: length, expectedBytes: declared ?? length + 1 }));
    };
    incoming.on('data', onData).on('end', onEnd).on('error', onClose).on('close', onClose);
    if (incoming.readableEnded) onEnd();
    else if (incoming.destroyed) onClose();
  });
  return length === whole.length ? whole : whole.slice(0, length);
}

/**
 * The body as it arrives; the connection waits while no part is asked for.
 *
 * @throws `BODY_TRUNCATED` (invalid)
 */
export async function* streamIncoming(incoming: IncomingMessage): AsyncGenerator<Uint8Array, void, undefined> {
  if (incoming.readableDidRead) throw new TypeError('the body of this request was already read');
  letSend(incoming);
  const header = incoming.headers['content-length'];
  let sizeBytes = 0;
  try {
    // Left early, the connection must stay: it has an answer to carry.
    for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
  } catch (error) {
    const expectedBytes = header === undefined ? sizeBytes + 1 : Number(header);
    throw httpErrors.BODY_TRUNCATED({ sizeBytes, expectedBytes }, error);
  }
}
