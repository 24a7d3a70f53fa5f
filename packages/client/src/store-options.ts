/** What a store is asked for, what it tells while it runs, and what comes of it. */
import type { BlobObject } from '@floe/contracts';
import type { BlobId, Epoch, EventId, Frost, ObjectId, SuiAddress } from '@floe/protocol';
import type { UploadProgress } from './certificate-collection.ts';
import type { Signer } from './ledger-port.ts';
import type { ResourceOperation } from './registration.ts';

/** `reading`: a stream is taken in. */
export type StoreStage = 'reading' | 'encoding' | 'checking' | 'registering' | 'uploading' | 'certifying' | 'finishing';

export interface StoreProgress {
  readonly stage: StoreStage;
  /** Known once encoded. */
  readonly blobId?: BlobId;
  /** Share of the stage that is done, 0 to 1, where that is known. */
  readonly fraction?: number;
  /** Bytes of a stream that came so far. */
  readonly readBytes?: number;
  /** While uploading. */
  readonly upload?: UploadProgress;
}

export interface StoreOptions {
  /** How many epochs from the current one on; at least 1. */
  readonly epochs: number;
  /** Default: permanent. */
  readonly deletable?: boolean;
  readonly signer: Signer;
  /** Who gets the blob object once it is certified; default: the signer. */
  readonly owner?: SuiAddress;
  /**
   * Set on the blob object when it is certified, or when it was before. A blob that only others' objects keep gets an
   * object of the signer's for them.
   */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Register anew even if the blob is stored or registered already. */
  readonly force?: boolean;
  /**
   * Whether blob objects and space that the signer owns already may be used; default: yes. Without, every store makes an
   * object of its own in space that it buys, unless a certified permanent blob is there: for signers that pay for many,
   * or own too many objects to look through.
   */
  readonly reuse?: boolean;
  /**
   * What an earlier try of this very store registered: it is taken up, whatever `reuse` and `force` say, and its cost is
   * part of the result's. Who knows it by the blob's id only gives a function, which is called once that is known.
   */
  readonly registration?: StoreRegistration | ((blobId: BlobId) => StoreRegistration | undefined);
  /** Called when a new blob object is paid for: should the store fail after that, the next try goes on from there. */
  readonly onRegistered?: (registration: StoreRegistration) => void;
  /** The most that may be paid, in FROST without gas, whatever the price has become; default: no limit. */
  readonly maxCost?: bigint;
  /**
   * What becomes of uploads that the certificate did not wait for: `background` goes on for a bounded time after the
   * result, `wait` for the same time before it, `cancel` ends them. Default: background.
   */
  readonly tail?: 'background' | 'wait' | 'cancel';
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: StoreProgress) => void;
}

/** A blob object that a store has made, not certified yet. */
export interface StoreRegistration {
  readonly objectId: ObjectId;
  readonly operation: ResourceOperation;
  /** FROST, without gas. */
  readonly cost: Frost;
}

/** Milliseconds that each stage took; a stage that was skipped is missing. */
export type StageTimings = Readonly<Partial<Record<StoreStage, number>>>;

export interface StoredBlob {
  readonly blobId: BlobId;
  readonly sizeBytes: number;
  readonly encodedLength: number;
  /** First epoch in which it is no longer stored. */
  readonly endEpoch: Epoch;
  readonly timings: StageTimings;
}

export interface NewlyCreated extends StoredBlob {
  readonly kind: 'newlyCreated';
  readonly objectId: ObjectId;
  /** As it is on the ledger after certifying. */
  readonly blobObject: BlobObject;
  readonly operation: ResourceOperation;
  /** FROST, without gas. */
  readonly cost: Frost;
}

export interface AlreadyCertified extends StoredBlob {
  readonly kind: 'alreadyCertified';
  /** What shows it: the event that certified a permanent blob, or the signer's own blob object. */
  readonly proof: { readonly event: EventId } | { readonly objectId: ObjectId };
}

export type StoreResult = NewlyCreated | AlreadyCertified;
