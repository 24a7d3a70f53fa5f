/**
 * Serves a ledger from a thread of its own, so that sockets, HTTP and signatures use another processor than execution.
 *
 * The thread lives as long as the server. An error in it that nobody caught ends the process, as it would without the
 * thread: clients of a ledger that answers nothing would wait for ever.
 */
import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import { FloeError, type HttpServer, type Logger, silentLogger } from '@floe/platform';
import type { LedgerApi } from '../api.ts';
import { createLedgerDispatcher, readLedger } from '../rpc/handler.ts';
import { offeredMethods } from '../rpc/relay/front-side.ts';
import { serveRelay } from '../rpc/relay/ledger-side.ts';
import type { CloseFront, FrontData, FrontReport, ListenOptions } from './front-protocol.ts';
import { pauseForSending } from './pause.ts';
import { createPortChannel } from './port-channel.ts';

/** @throws PORT_IN_USE, LISTEN_FAILED */
export async function startFront(
  ledger: LedgerApi,
  listen: ListenOptions,
  { logger = silentLogger }: { readonly logger?: Logger } = {},
): Promise<HttpServer> {
  const dispatcher = createLedgerDispatcher(ledger, { pause: pauseForSending });
  const { port1: own, port2: relay } = new MessageChannel();
  const answering = serveRelay(createPortChannel(own), {
    dispatcher,
    read: (pathname) => readLedger(ledger, pathname),
    logger,
  });
  const workerData: FrontData = { listen, offered: offeredMethods(dispatcher), relay };
  // Flags of the process are for its main thread: some, such as --input-type, no thread with a file can start with.
  const worker = new Worker(new URL('./front-thread.js', import.meta.url), {
    workerData,
    transferList: [relay],
    execArgv: [],
  });
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      answering.close();
      own.close();
      resolve();
    });
  });
  worker.on('message', (report: FrontReport) => {
    if (report.kind === 'log') logger[report.level](report.message, report.fields);
  });
  const [first] = (await once(worker, 'message')) as [FrontReport];
  if (first.kind !== 'started') {
    await exited;
    throw first.kind === 'failed' ? new FloeError(first.error) : new TypeError(`the front began with ${first.kind}`);
  }
  let closing: Promise<void> | undefined;
  return {
    url: first.url,
    port: first.port,
    close(graceMs) {
      if (closing === undefined) {
        const close: CloseFront = { kind: 'close', graceMs };
        worker.postMessage(close);
        closing = exited;
      }
      return closing;
    },
  };
}
