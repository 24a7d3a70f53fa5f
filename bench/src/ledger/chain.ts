/** A chain to measure: a committee, a faucet, and clients with keys; opened durably in a directory. */
import { createPrivateKey, sign } from 'node:crypto';
import { blake2b256 } from '@floe/kernels';
import { createGenesis, type CreatedGenesis, Ledger } from '@floe/ledger';
import { createCheckpointSigner, createSignatureVerifier, pauseForSending } from '@floe/ledger/node';
import { concatBytes } from '@floe/platform';
import { openLmdbStore, systemClock } from '@floe/platform/node';
import { createNobleBls, parseObjectId, type SuiAddress } from '@floe/protocol';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';

export const NODE_COUNT = 13;
export const SHARD_COUNT = 100;
export const CLIENT_COUNT = 64;

const START_MS = 1_700_000_000_000;
const CAPACITY_BYTES = 10n ** 18n;

const bls = createNobleBls();
const signer = createCheckpointSigner(new Uint8Array(32).fill(99));

/** Who sends transactions, and pays for them. */
export interface Account {
  readonly address: SuiAddress;
  /** Serialised signature of a transaction: flag ‖ signature ‖ public key. */
  sign(transactionBytes: Uint8Array): Uint8Array;
}

/** Signs natively: a benchmark signs many thousands. */
function account(seed: number): Account {
  const secretKey = new Uint8Array(32).fill(seed);
  const publicKey = Ed25519Keypair.fromSecretKey(secretKey).getPublicKey();
  const key = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), secretKey]),
    format: 'der',
    type: 'pkcs8',
  });
  return {
    address: parseObjectId(publicKey.toSuiAddress()),
    sign(transactionBytes) {
      const message = blake2b256(concatBytes(Uint8Array.of(0, 0, 0), transactionBytes));
      return concatBytes(Uint8Array.of(0), sign(null, message, key), publicKey.toRawBytes());
    },
  };
}

export const faucet = account(1);
export const clients = Array.from({ length: CLIENT_COUNT }, (_, i) => account(10 + i));

export function benchGenesis(): CreatedGenesis {
  const nodes = Array.from({ length: NODE_COUNT }, (_, i) => {
    const secretKey = new Uint8Array(32);
    secretKey[31] = i + 1;
    return {
      name: `node-${i}`,
      networkAddress: `127.0.0.1:${9000 + i}`,
      blsPublicKey: bls.publicKey(secretKey),
      networkPublicKey: new Uint8Array(33).fill(2),
      address: account(200 + i).address,
    };
  });
  const config = {
    nShards: SHARD_COUNT,
    epochDurationMs: 3_600_000,
    capacity: CAPACITY_BYTES,
    startTimestampMs: START_MS,
    seed: Uint8Array.of(1),
    nodes,
    faucet: { address: faucet.address },
    ledgerPublicKey: signer.publicKey,
  };
  return createGenesis(config, { bls });
}

/** Opens the chain in `directory`; makes it there when `genesis` is given and there is none. */
export async function openBenchLedger(directory: string, genesis?: CreatedGenesis): Promise<Ledger> {
  return Ledger.open(
    { genesis },
    {
      store: await openLmdbStore({ directory }),
      clock: systemClock,
      bls,
      signatures: createSignatureVerifier(),
      signer,
      pause: pauseForSending,
    },
  );
}
