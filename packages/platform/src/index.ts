export * from './bytes.ts';
export * from './concurrency.ts';
export * from './errors.ts';
export * from './file-system.ts';
export * from './http.ts';
export * from './key-value-store.ts';
export * from './observe.ts';
export * from './time.ts';
