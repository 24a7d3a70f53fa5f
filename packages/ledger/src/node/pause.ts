/** Lets what is ready to be sent go out, and takes what has come in, before the thread is held again. */

/** Two turns of the event loop: what the first one collects (`port-channel.ts`), it sends at its end. */
export function pauseForSending(): Promise<void> {
  return new Promise((resolve) => void setImmediate(() => setImmediate(resolve)));
}
