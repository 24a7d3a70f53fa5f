/** What the browser test runs in a page: the web client, as a bundler would take it into an application. */
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { type BlobId, parseObjectId } from '@floe/protocol';
import { connectFloe } from '../../src/web/index.ts';

export interface PageResult {
  readonly blobId: string;
  readonly equal: boolean;
  readonly rangeEqual: boolean;
  readonly streamedBytes: number;
  readonly stages: readonly string[];
}

export interface PageInput {
  readonly ledger: { readonly url: string; readonly systemObjectId: string; readonly stakingObjectId: string };
  readonly faucetUrl: string;
  readonly sizeBytes: number;
}

function connect(ledger: PageInput['ledger']) {
  const { url, systemObjectId, stakingObjectId } = ledger;
  return connectFloe({
    ledger: { url, systemObjectId: parseObjectId(systemObjectId), stakingObjectId: parseObjectId(stakingObjectId) },
    nodeUrlScheme: 'http',
  });
}

/** Gets funds, stores a blob of random bytes, and reads it back whole, in part and as a stream. */
async function storeAndRead({ ledger, faucetUrl, sizeBytes }: PageInput): Promise<PageResult> {
  const signer = new Ed25519Keypair();
  const body = JSON.stringify({ address: signer.toSuiAddress() });
  const funded = await fetch(faucetUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  if (!funded.ok) throw new Error(`faucet answered ${funded.status}`);
  const { client, close } = await connect(ledger);
  const blob = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += 65_536) crypto.getRandomValues(blob.subarray(at, at + 65_536));
  const stages: string[] = [];
  const stored = await client.store(blob, {
    epochs: 2,
    deletable: true,
    signer,
    onProgress: ({ stage }) => {
      if (stages.at(-1) !== stage) stages.push(stage);
    },
  });
  const { blobId } = stored;
  const whole = await client.read(blobId, { consistency: 'strict' });
  const range = { start: sizeBytes >> 1, end: (sizeBytes >> 1) + 1_000 };
  const part = await client.read(blobId, { range });
  let streamedBytes = 0;
  for await (const chunk of client.readStream(blobId)) streamedBytes += chunk.length;
  await close();
  const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);
  const rangeEqual = same(part, blob.subarray(range.start, range.end));
  return { blobId, equal: same(whole, blob), rangeEqual, streamedBytes, stages };
}

/** SHA-256 of a blob that someone else stored, in hex. */
async function hashOf(ledger: PageInput['ledger'], blobId: string): Promise<string> {
  const { client, close } = await connect(ledger);
  const blob = await client.read(blobId as BlobId);
  await close();
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(blob)));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

declare global {
  interface Window {
    floePage: { storeAndRead: typeof storeAndRead; hashOf: typeof hashOf };
  }
}

window.floePage = { storeAndRead, hashOf };
