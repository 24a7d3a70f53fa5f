/** Both entry points must bundle for and run in a browser: no Node.js built-in reached, no Node.js global used. */
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { encoding } from './support/vectors.ts';

const vector = encoding.messages[0]!;
const dist = fileURLToPath(new URL('../dist/', import.meta.url));

async function bundle(contents: string): Promise<string> {
  const result = await build({
    stdin: { contents, resolveDir: dist },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    logLevel: 'silent',
  });
  return result.outputFiles[0]!.text;
}

/** Runs a script where only what browsers and Node.js share exists; its `done` gets the answer. */
function runAsInBrowser(script: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const context = createContext({
      WebAssembly,
      TextEncoder,
      TextDecoder,
      URL,
      URLSearchParams,
      atob,
      btoa,
      crypto,
      console,
      // Typed arrays of this realm, so that both sides of TextEncoder and WebAssembly agree on them.
      Uint8Array,
      ArrayBuffer,
      done: resolve,
      failed: reject,
    });
    runInContext(script, context);
  });
}

const HEX = `const hex = (b) => Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('');
const bytes = (t) => Uint8Array.from(t.match(/../g), (x) => Number.parseInt(x, 16));`;

describe('in a browser', () => {
  it('the root signs with the reference', async () => {
    const script = await bundle(`
      import { createNobleBls, geometryOf, merkleRoot } from './index.js';
      ${HEX}
      const root = merkleRoot([new TextEncoder().encode('Test')]);
      const signature = createNobleBls().sign(bytes('${vector.secret_keys_be[0]}'), bytes('${vector.message}'));
      globalThis.done([geometryOf(7).rows, hex(root), hex(signature)]);
    `);
    const [rows, root, signature] = (await runAsInBrowser(script)) as [number, string, string];
    expect(rows).toBe(3);
    expect(root).toBe(encoding.merkle[0]?.root);
    expect(signature).toBe(vector.signatures[0]);
  });

  it('mcl signs the same', async () => {
    const script = await bundle(`
      import { createMclBls } from './bls-mcl/index.js';
      ${HEX}
      createMclBls()
        .then((bls) => hex(bls.sign(bytes('${vector.secret_keys_be[0]}'), bytes('${vector.message}'))))
        .then(globalThis.done, globalThis.failed);
    `);
    expect(await runAsInBrowser(script)).toBe(vector.signatures[0]);
  });
});
