/** `floe node register`: a new storage node on the ledger, with keys that are made where missing. */
import { registerNode, typeNames } from '@floe/contracts';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { encodeProofOfPossession, type NodeId } from '@floe/protocol';
import { resolve } from 'node:path';
import { assert } from '@floe/platform';
import { ensureNodeKeys } from '../node-keys.ts';
import type { Output } from '../output.ts';
import { createdObject, execute, receipt, withPayer } from '../session.ts';
import type { NetworkOptions } from './blob-options.ts';

/** FROST: the prices that Walrus documents as samples. */
const STORAGE_PRICE = 100_000n;
const WRITE_PRICE = 20_000n;

export interface NodeRegisterOptions extends NetworkOptions {
  readonly name: string;
  readonly address: string;
  readonly keys: string;
  readonly commission?: number;
  readonly storagePrice?: bigint;
  readonly writePrice?: bigint;
  readonly capacity: bigint;
  readonly imageUrl?: string;
  readonly projectUrl?: string;
  readonly description?: string;
}

export async function runNodeRegister(
  options: NodeRegisterOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { name, address, commission = 0, capacity } = options;
  const { storagePrice = STORAGE_PRICE, writePrice = WRITE_PRICE } = options;
  const directory = resolve(options.keys);
  await withPayer(options, signal, async (payer) => {
    const { session, wallet } = payer;
    const keys = await ensureNodeKeys(directory);
    const bls = await createMclBls();
    const blsPublicKey = bls.publicKey(keys.blsSecretKey);
    // The proof is of this epoch: it is read as late as can be.
    const system = await session.ledger.systemState({ fresh: true, signal });
    const message = encodeProofOfPossession({ epoch: system.epoch, address: wallet.address, publicKey: blsPublicKey });
    const executed = await execute(
      payer,
      (transaction) =>
        registerNode(transaction, system, {
          name,
          networkAddress: address,
          blsPublicKey,
          networkPublicKey: keys.networkPublicKey,
          proofOfPossession: bls.sign(keys.blsSecretKey, message),
          commissionBasisPoints: commission,
          votes: { storagePrice, writePrice, capacity },
          owner: wallet.address,
          imageUrl: options.imageUrl,
          projectUrl: options.projectUrl,
          description: options.description,
        }),
      signal,
    );
    const capId = createdObject(executed, typeNames(system.originalPackageId).storageNodeCap);
    let nodeId: NodeId | undefined;
    for await (const cap of session.ledger.nodeCaps(wallet.address, { signal })) {
      if (cap.id === capId) nodeId = cap.nodeId as NodeId;
    }
    assert(nodeId !== undefined, 'the wallet holds the cap of the node that it registered', { capId });
    output.line(`registered ${name} as node ${nodeId}`);
    output.line(`  capability ${capId}, keys in ${directory}`);
    output.line(`  it gets shards once it has stake: floe stake ${nodeId} 1000WAL`);
    output.result({ nodeId, capId, name, networkAddress: address, keys: directory, ...receipt(executed) });
  });
}
