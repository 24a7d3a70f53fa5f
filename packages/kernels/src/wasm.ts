/** WebAssembly binaries embedded as base64: instantiated synchronously, on first use, wherever JavaScript runs. */

// Compiled once per process; instances, and so their memory, belong to whoever asked.
const modules = new Map<string, WebAssembly.Module>();

/** Instantiates an embedded binary; it is compiled once per process. */
export function instantiate<Exports>(base64: string): Exports {
  let module = modules.get(base64);
  if (module === undefined) {
    const binary = atob(base64);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
    module = new WebAssembly.Module(bytes);
    modules.set(base64, module);
  }
  return new WebAssembly.Instance(module, {}).exports as Exports;
}
