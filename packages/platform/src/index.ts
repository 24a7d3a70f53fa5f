export * from './bytes.ts';
export * from './concurrency.ts';
export * from './errors.ts';
export * from './file-system.ts';
export * from './http.ts';
export * from './key-value-store.ts';
export { LIMITS as PLATFORM_LIMITS } from './limits.ts';
export * from './observe.ts';
export * from './time.ts';
