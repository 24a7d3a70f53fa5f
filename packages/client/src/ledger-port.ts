/** What the client needs of the ledger: a part of `LedgerClient`, so that tests can stand in for it. */
import type { LedgerClient, TransactionSigner } from '@floe/contracts';

export type LedgerPort = Pick<
  LedgerClient,
  | 'systemState'
  | 'committees'
  | 'blobObject'
  | 'ownedBlobs'
  | 'ownedStorages'
  | 'storagePool'
  | 'pooledBlob'
  | 'balances'
  | 'attributes'
  | 'simulate'
  | 'execute'
>;

/** Signs and pays; every keypair of `@mysten/sui` is one. */
export type Signer = TransactionSigner;
