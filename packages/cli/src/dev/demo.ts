/** Shows that a network works: stores a sample, reads it back from slivers that a plain read would not use, compares. */
import { equalBytes } from '@floe/platform';
import { systemRng } from '@floe/platform/node';
import { geometryOf, maxBlobSize } from '@floe/protocol';
import { cliErrors } from '../errors.ts';
import { formatBytes, formatCoin, type Output } from '../output.ts';
import { openSession, openWallet } from '../session.ts';
import type { DevNetwork } from './network.ts';
import { devPaths } from './state.ts';

/** Less where the shards are too few for that. */
const SAMPLE_BYTES = 1024 * 1024;

/** @throws READ_BACK_DIFFERS */
export async function runDemo(
  directory: string,
  network: DevNetwork,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const options = { network: devPaths(directory).network };
  const session = await openSession(options);
  try {
    const wallet = await openWallet(session, options, { fund: true, signal });
    const sample = systemRng.bytes(Math.min(SAMPLE_BYTES, maxBlobSize(geometryOf(network.description.nShards))));
    const startMs = performance.now();
    const stored = await session.client.store(sample, { epochs: 1, deletable: true, signer: wallet.keypair, signal });
    const storedMs = performance.now();
    const copy = await session.client.read(stored.blobId, { prefer: 'repair', signal });
    const readMs = performance.now();
    if (!equalBytes(copy, sample)) throw cliErrors.READ_BACK_DIFFERS({ blobId: stored.blobId });
    const cost = stored.kind === 'newlyCreated' ? stored.cost : 0n;
    output.line();
    output.line(`stored   ${formatBytes(sample.length)} of random bytes as blob ${stored.blobId}`);
    output.line(
      `         encoded to ${formatBytes(stored.encodedLength)}, for ${formatCoin(cost, 'WAL')}, ` +
        `in ${(storedMs - startMs).toFixed(0)} ms`,
    );
    output.line(`read     the same bytes, rebuilt from parity slivers, in ${(readMs - storedMs).toFixed(0)} ms: equal`);
    describeNext(directory, network, stored.blobId, output);
  } finally {
    await session.close();
  }
}

function describeNext(directory: string, network: DevNetwork, blobId: string, output: Output): void {
  const { description } = network;
  const gateway = description.gateway?.aggregatorUrl ?? '';
  const networkOption = directory === `${process.cwd()}/.floe` ? '' : ` --network ${directory}`;
  output.line();
  output.line(`ledger   ${description.ledger.url}  (Sui gRPC)`);
  output.line(`gateway  ${gateway}  (aggregator and publisher)`);
  output.line(`faucet   ${description.faucet?.url}`);
  output.line(`network  ${devPaths(directory).network}`);
  output.line();
  output.line('Try, in another terminal:');
  output.line(`  npx floe store README.md --epochs 5${networkOption}`);
  output.line(`  npx floe read ${blobId}${networkOption} | sha256sum`);
  output.line(`  curl -s ${gateway}/v1/blobs/${blobId} | sha256sum`);
  output.line(`  curl -X PUT --data-binary @README.md "${gateway}/v1/blobs?epochs=5"`);
  output.line(`  npx floe info${networkOption}`);
}
