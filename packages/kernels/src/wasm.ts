/** WebAssembly binaries embedded as base64: instantiated synchronously, on first use, wherever JavaScript runs. */

// Compiled once per process; instances, and so their memory, belong to whoever asked.
const modules = { asIs: new Map<string, WebAssembly.Module>(), unshared: new Map<string, WebAssembly.Module>() };

function moduleOf(kind: keyof typeof modules, base64: string): WebAssembly.Module {
  let module = modules[kind].get(base64);
  if (module === undefined) {
    const binary = decodeBase64(base64);
    if (kind === 'unshared') binary[sharedFlagAt(binary)] = HAS_MAXIMUM;
    module = new WebAssembly.Module(binary);
    modules[kind].set(base64, module);
  }
  return module;
}

/**
 * A function of one relaxed swizzle: (module (func (drop (i8x16.relaxed_swizzle (v128.const …) (v128.const …))))).
 */
const RELAXED_PROBE = Uint8Array.from(
  [
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // magic and version
    [1, 4, 1, 0x60, 0, 0], // one type: no parameters, no results
    [3, 2, 1, 0], // one function of it
    [10, 44, 1, 42, 0], // its code
    [0xfd, 0x0c, ...new Array<number>(16).fill(0)],
    [0xfd, 0x0c, ...new Array<number>(16).fill(0)],
    [0xfd, 0x80, 0x02, 0x1a, 0x0b],
  ].flat(),
);

/** A module of one memory with 64-bit addresses: (module (memory i64 1)). */
const MEMORY64_PROBE = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 4, 1]);

/** Binaries made from the same sources: without relaxed SIMD, with it, and with it and long messages hashed by threes. */
export interface Variants {
  readonly plain: string;
  readonly relaxed: string;
  readonly triples?: string;
}

let suiting: readonly (keyof Variants)[] | undefined;

/**
 * The binary that suits the engine. Three long messages at once, the third in integer registers, are a fifth faster where
 * the compiler keeps the order of the operations (V8 13), and slower where it does not; nothing says so but what else such
 * an engine can do, and a measurement here would be of code that is not yet compiled for speed.
 */
export function suited(variants: Variants): string {
  suiting ??= [
    ...(WebAssembly.validate(RELAXED_PROBE) && WebAssembly.validate(MEMORY64_PROBE) ? (['triples'] as const) : []),
    ...(WebAssembly.validate(RELAXED_PROBE) ? (['relaxed'] as const) : []),
  ];
  const found = suiting.find((kind) => variants[kind] !== undefined);
  return (found === undefined ? undefined : variants[found]) ?? variants.plain;
}

function decodeBase64(base64: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Instantiates an embedded binary that has a memory of its own; it is compiled once per process. */
export function instantiate<Exports>(base64: string): Exports {
  return new WebAssembly.Instance(moduleOf('asIs', base64), {}).exports as Exports;
}

/** Pages of 64 KiB that the memory of an embedded binary which imports its memory has at first and at most. */
export const FIRST_PAGES = 16;
export const MAX_PAGES = 65_536;

/**
 * Instantiates an embedded binary on `memory`, which may be shared between threads or not: the binary says that it is,
 * and for a memory that is not a copy that says so is compiled.
 */
export function instantiateOn<Exports>(base64: string, memory: WebAssembly.Memory): Exports {
  const module = moduleOf(memory.buffer instanceof ArrayBuffer ? 'unshared' : 'asIs', base64);
  return new WebAssembly.Instance(module, { env: { memory } }).exports as Exports;
}

const HAS_MAXIMUM = 0x01;
const IS_SHARED_WITH_MAXIMUM = 0x03;
/** The import of a memory: length-prefixed 'env' and 'memory', then its kind; the flags of its limits follow. */
const MEMORY_IMPORT = [3, ...ascii('env'), 6, ...ascii('memory'), 0x02];

function sharedFlagAt(binary: Uint8Array): number {
  // Imports come before any code: the first match is the import.
  const start = binary.findIndex((_, at) => MEMORY_IMPORT.every((byte, i) => binary[at + i] === byte));
  const at = start + MEMORY_IMPORT.length;
  if (start < 0 || binary[at] !== IS_SHARED_WITH_MAXIMUM) throw new Error('the binary imports no shared memory');
  return at;
}

function ascii(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}
