/**
 * What a front (a thread that holds the sockets) and the thread that holds the ledger say to each other. A unary call is
 * one message each way. Of a stream one message is asked for at a time, so that nothing piles up between them.
 */
import type { Signers } from '../../signatures.ts';
import type { CallStatus } from '../errors.ts';

/** From the front; ids are its own, each used once. */
export type FrontMessage =
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly path: string;
      readonly message: Uint8Array;
      readonly signers: Signers | undefined;
    }
  /** The next message of a stream. */
  | { readonly kind: 'next'; readonly id: number }
  /** Nobody wants more of a stream. */
  | { readonly kind: 'leave'; readonly id: number }
  /** A GET. */
  | { readonly kind: 'read'; readonly id: number; readonly pathname: string };

/** To the front: one answer to each `call`, `next` and `read`. */
export type LedgerMessage =
  | { readonly kind: 'message'; readonly id: number; readonly message: Uint8Array }
  | { readonly kind: 'stream'; readonly id: number }
  | { readonly kind: 'end'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly status: CallStatus }
  | { readonly kind: 'resource'; readonly id: number; readonly resource: RelayedResource | undefined };

/** A response to a GET, as plain data. */
export interface RelayedResource {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Carries messages in order to the other side, which it must not change. */
export interface Channel<In, Out> {
  post(message: Out): void;
  /** To be called once. */
  listen(listener: (message: In) => void): void;
}

export type FrontChannel = Channel<LedgerMessage, FrontMessage>;
export type LedgerChannel = Channel<FrontMessage, LedgerMessage>;
