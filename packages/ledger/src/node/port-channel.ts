/**
 * A channel over a message port. What is posted within one turn of the event loop goes as one message: a port costs more
 * per message than what a call or an answer says.
 */
import type { MessagePort, TransferListItem } from 'node:worker_threads';
import type { Channel } from '../rpc/relay/messages.ts';

/** From this size on a message's bytes are moved instead of copied. */
const MOVED_BYTES = 64 * 1024;

/** What channels need of a port, a worker or the port to a worker's parent. */
export type Port = Pick<MessagePort, 'postMessage'> & {
  on(event: 'message', listener: (messages: unknown) => void): unknown;
};

export function createPortChannel<In, Out extends { readonly message?: Uint8Array }>(port: Port): Channel<In, Out> {
  let posted: Out[] = [];
  let moved: TransferListItem[] = [];
  const flush = (): void => {
    const [messages, transfer] = [posted, moved];
    [posted, moved] = [[], []];
    port.postMessage(messages, transfer);
  };
  return {
    post(message) {
      if (posted.length === 0) setImmediate(flush);
      posted.push(message);
      const { buffer, byteLength = 0 } = message.message ?? {};
      if (buffer instanceof ArrayBuffer && byteLength >= MOVED_BYTES && byteLength === buffer.byteLength) {
        moved.push(buffer);
      }
    },
    listen(listener) {
      port.on('message', (messages) => {
        for (const message of messages as In[]) listener(message);
      });
    },
  };
}
