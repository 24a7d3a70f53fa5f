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
export { processMemory, type ProcessMemory } from './process-memory.ts';
export { createPowerLoss, type PowerLoss } from './power-loss.ts';
export { type SlowSuite, slowSuite } from './slow-suite.ts';
export { ActionLog } from './chaos/action-log.ts';
export { begin, type Fault, FaultInjector, FAULTS, mend } from './chaos/fault-injector.ts';
export { FaultyProxy, type ProxyMode } from './chaos/faulty-proxy.ts';
export { gatewayReader, gatewayWriter } from './chaos/gateway-ports.ts';
export {
  type BlobReader,
  type BlobWriter,
  type ByteRange,
  type CertifiedBlob,
  Load,
  type LoadCounts,
  type LoadFailure,
  percentile,
} from './chaos/load.ts';
export { type Lie, LIES, LyingNode } from './chaos/lying-node.ts';
export { NodeProcess, type NodeProcessOptions } from './chaos/node-process.ts';
export {
  freePort,
  impersonate,
  type NetworkNode,
  nodeMetrics,
  patchNodeConfig,
  type ProcessNetwork,
  startProcessNetwork,
  unmask,
} from './chaos/process-network.ts';
export { testBytes, wrongBytes } from './chaos/test-blob.ts';
