/** The official SDK's resumable write, cut after every step and taken up again by a client that knows only what was saved. */
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { WalrusFile, type WriteBlobStep } from '@mysten/walrus';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConformanceNetwork, same, sampleBytes, startNetwork } from './network.ts';

let network: ConformanceNetwork;
let signer: Ed25519Keypair;

beforeAll(async () => {
  network = await startNetwork();
  signer = await network.fundedKey();
});

afterAll(() => network.close());

const STEPS = ['encoded', 'registered', 'uploaded', 'certified'] as const;

/** Runs a flow until it has done `last`; what a program would have saved by then. */
async function runUntil(steps: AsyncIterable<WriteBlobStep>, last: string): Promise<WriteBlobStep> {
  for await (const step of steps) {
    if (step.step === last) return JSON.parse(JSON.stringify(step)) as WriteBlobStep;
  }
  throw new Error(`the flow never reached ${last}`);
}

async function rest(steps: AsyncIterable<WriteBlobStep>): Promise<string[]> {
  const names: string[] = [];
  for await (const { step } of steps) names.push(step);
  return names;
}

async function walBalance(): Promise<string> {
  const { balance } = await network.sdk().core.getBalance({
    owner: signer.toSuiAddress(),
    coinType: network.dev.network.ledger.walType,
  });
  return balance.balance;
}

const run = (deletable: boolean) => ({ signer, epochs: 2, deletable });

describe.each([true, false])('writeBlobFlow, deletable %s', (deletable) => {
  it('goes through its four steps', async () => {
    const flow = network.sdk().walrus.writeBlobFlow({ blob: sampleBytes(6_000, deletable ? 1 : 2) });
    expect(await rest(flow.run(run(deletable)))).toEqual(STEPS);
  });

  it.each([...STEPS.slice(0, 3).entries()])('resumes after step %i, %s', async (index, step) => {
    const blob = sampleBytes(6_000, 100 + index + (deletable ? 10 : 20));
    const saved = await runUntil(network.sdk().walrus.writeBlobFlow({ blob }).run(run(deletable)), step);
    const paidBefore = await walBalance();

    const { walrus } = network.sdk();
    const flow = walrus.writeBlobFlow({ blob, resume: saved });
    expect(await rest(flow.run(run(deletable)))).toEqual(STEPS.slice(index + 1));
    // Registering is what costs WAL; a flow that had registered pays no second time.
    if (index >= 1) expect(await walBalance()).toBe(paidBefore);

    const { blobId, blobObjectId } = await flow.getBlob();
    const { certified_epoch: certifiedEpoch } = await network.sdk().walrus.getBlobObject(blobObjectId);
    expect(certifiedEpoch).not.toBeNull();
    expect(same(await network.sdk().walrus.readBlob({ blobId }), blob)).toBe(true);
  });
});

describe('a flow', () => {
  it('that was certified has nothing left to do', async () => {
    const blob = sampleBytes(100, 3);
    const saved = await runUntil(network.sdk().walrus.writeBlobFlow({ blob }).run(run(true)), 'certified');
    expect(await rest(network.sdk().walrus.writeBlobFlow({ blob, resume: saved }).run(run(true)))).toEqual([]);
  });

  it('refuses to resume with other bytes', async () => {
    const saved = await runUntil(
      network
        .sdk()
        .walrus.writeBlobFlow({ blob: sampleBytes(100, 4) })
        .run(run(true)),
      'registered',
    );
    const flow = network.sdk().walrus.writeBlobFlow({ blob: sampleBytes(100, 5), resume: saved });
    await expect(rest(flow.run(run(true)))).rejects.toThrow(/blobId mismatch/);
  });

  it('can be driven step by step with own transactions', async () => {
    const client = network.sdk();
    const blob = sampleBytes(7_000, 6);
    const flow = client.walrus.writeBlobFlow({ blob });
    const { blobId } = await flow.encode();
    const execute = async (transaction: Parameters<Ed25519Keypair['signAndExecuteTransaction']>[0]['transaction']) => {
      const result = await signer.signAndExecuteTransaction({ transaction, client });
      if (result.$kind === 'FailedTransaction') throw new Error('the transaction failed');
      await client.core.waitForTransaction({ digest: result.Transaction.digest });
      return result.Transaction.digest;
    };
    const digest = await execute(
      flow.register({ epochs: 1, deletable: true, owner: signer.toSuiAddress(), attributes: { by: 'hand' } }),
    );
    await flow.upload({ digest });
    await execute(flow.certify());
    const { blobObjectId } = await flow.getBlob();
    expect(same(await network.sdk().walrus.readBlob({ blobId }), blob)).toBe(true);
    expect(await network.sdk().walrus.readBlobAttributes({ blobObjectId })).toEqual({ by: 'hand' });
  });
});

describe('writeFilesFlow', () => {
  const files = () => [
    WalrusFile.from({ contents: sampleBytes(500, 7), identifier: 'a' }),
    WalrusFile.from({ contents: sampleBytes(9_000, 8), identifier: 'b' }),
  ];

  // After `uploaded` the SDK's own flow of files cannot resume: it certifies without restoring its certificate.
  it.each(['encoded', 'registered'])('resumes after step %s', async (step) => {
    const saved = await runUntil(network.sdk().walrus.writeFilesFlow({ files: files() }).run(run(true)), step);
    const flow = network.sdk().walrus.writeFilesFlow({ files: files(), resume: saved });
    expect((await rest(flow.run(run(true)))).at(-1)).toBe('certified');
    const listed = await flow.listFiles();
    const [first] = await network.sdk().walrus.getFiles({ ids: listed.map(({ id }) => id) });
    expect(same(await first?.bytes(), sampleBytes(500, 7))).toBe(true);
  });
});
