/** The ports in memory, with faults: for tests and simulations. */
export {
  createMemoryFileSystem,
  type FileOperation,
  type MemoryFileSystem,
  type MemoryFileSystemOptions,
} from './memory-file-system.ts';
export { createMemoryStore, type MemoryStore, type MemoryStoreOptions } from './memory-store.ts';
export { createMemoryTransport, type MemoryTransportOptions } from './memory-transport.ts';
export { seededRng } from './rng.ts';
export { createVirtualTime, type VirtualTime } from './virtual-time.ts';
