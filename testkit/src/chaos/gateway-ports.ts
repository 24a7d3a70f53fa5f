/** A gateway as a writer and a reader of a load. */
import { type BlobId, parseBlobId } from '@floe/protocol';
import type { BlobReader, BlobWriter } from './load.ts';

interface StoreAnswer {
  readonly newlyCreated?: {
    readonly blobObject: { readonly blobId: string; readonly storage: { readonly endEpoch: number } };
  };
  readonly alreadyCertified?: { readonly blobId: string; readonly endEpoch: number };
}

/** @param epochs - how long blobs are paid for */
export function gatewayWriter(publisherUrl: string, epochs: () => number): BlobWriter {
  return {
    name: 'gateway',
    async store(bytes) {
      const url = `${publisherUrl}/v1/blobs?epochs=${epochs()}`;
      const response = await fetch(url, { method: 'PUT', body: bytes as Uint8Array<ArrayBuffer> });
      const text = await response.text();
      if (response.status !== 200) throw new Error(`PUT was answered ${response.status}: ${text}`);
      const { newlyCreated, alreadyCertified } = JSON.parse(text) as StoreAnswer;
      const blobId = newlyCreated?.blobObject.blobId ?? alreadyCertified?.blobId ?? '';
      const endEpoch = newlyCreated?.blobObject.storage.endEpoch ?? alreadyCertified?.endEpoch;
      return { blobId: parseBlobId(blobId), endEpoch };
    },
  };
}

export function gatewayReader(aggregatorUrl: string): BlobReader {
  return {
    name: 'gateway',
    async read(blobId: BlobId, range) {
      const headers: Record<string, string> = {};
      if (range !== undefined) headers['range'] = `bytes=${range.start}-${range.end - 1}`;
      const response = await fetch(`${aggregatorUrl}/v1/blobs/${blobId}`, { headers });
      if (response.status !== (range === undefined ? 200 : 206)) {
        throw new Error(`GET was answered ${response.status}: ${await response.text()}`);
      }
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}
