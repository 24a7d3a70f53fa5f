/** What the thread that serves the ledger and the one that started it say about serving itself; calls go by the relay. */
import type { ErrorData, ErrorKind } from '@floe/platform';
import type { ServeOptions } from '@floe/platform/node';
import type { MessagePort } from 'node:worker_threads';
import type { OfferedMethods } from '../rpc/relay/front-side.ts';

export type ListenOptions = Omit<ServeOptions, 'http2' | 'logger'>;

/** Given to the thread when it starts. */
export interface FrontData {
  readonly listen: ListenOptions;
  readonly offered: OfferedMethods;
  /** Carries the relay. */
  readonly relay: MessagePort;
}

/** The first message is `started` or `failed`, the last one `closed`. */
export type FrontReport =
  | { readonly kind: 'started'; readonly url: string; readonly port: number }
  | { readonly kind: 'failed'; readonly error: SentError }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string; readonly fields: LogText }
  | { readonly kind: 'closed' };

/** To the thread. */
export interface CloseFront {
  readonly kind: 'close';
  readonly graceMs: number | undefined;
}

/** A FloeError without its class, which does not survive the way. */
export interface SentError {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly message: string;
  readonly data: ErrorData;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogText = Readonly<Record<string, string>>;
