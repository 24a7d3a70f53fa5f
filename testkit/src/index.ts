/** What tests of several packages share: the suites that every implementation of a port must pass. */
export { fileSystemCompliance, type FileSystemFixture } from './file-system.ts';
export { httpTransportCompliance, type TransportFixture } from './http-transport.ts';
export { keyValueStoreCompliance, type StoreFixture } from './key-value-store.ts';
export {
  type DevProcess,
  type FloeResult,
  type FloeRunOptions,
  type NetworkJson,
  runFloe,
  startDev,
  temporaryDirectory,
} from './dev-process.ts';
export { createPowerLoss, type PowerLoss } from './power-loss.ts';
export { type SlowSuite, slowSuite } from './slow-suite.ts';
