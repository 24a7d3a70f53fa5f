/** The ports in browsers. */
export { createFetchTransport, type FetchTransportOptions } from './fetch-transport.ts';
export { webClock, webRng, webScheduler } from './time.ts';
