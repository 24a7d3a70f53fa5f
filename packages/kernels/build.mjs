/**
 * Compiles assembly/ to WebAssembly and writes each binary, as base64, to src/generated/. Does nothing when the files
 * there were made from the same inputs: a hash over sources, generator, this file and the compiler's version is kept in
 * their first line.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { generateBlake2b } from './codegen/blake2b.mjs';

const home = fileURLToPath(new URL('.', import.meta.url));

/** Memory of the codes is made by the caller, because threads may share it; the loader takes that word out elsewhere. */
const SHARED = ['--importMemory', '--sharedMemory', '--maximumMemory', '65536', '--enable', 'threads'];
/** Constants only: what is zero is left out, so that an instance may be made on a memory in use. */
const CODE = [...SHARED, '--zeroFilledMemory'];
const RELAXED = ['--enable', 'relaxed-simd'];
/** Each binary's entry and flags; relaxed SIMD is a binary of its own, for engines that take it. */
const BINARIES = {
  hash: { entry: 'hash', flags: [] },
  'hash-relaxed': { entry: 'hash', flags: RELAXED },
  code: { entry: 'code', flags: CODE },
  'code-relaxed': { entry: 'code', flags: [...CODE, ...RELAXED] },
  'code-triples': { entry: 'code', flags: [...CODE, ...RELAXED], triples: true },
};

const FLAGS = [
  '--runtime',
  'stub',
  '--enable',
  'simd',
  '--optimizeLevel',
  '3',
  '--shrinkLevel',
  '0',
  '--noAssert',
  '--initialMemory',
  '16',
  '--use',
  'abort=',
];

async function inputHash() {
  const sources = (await readdir(`${home}assembly`)).filter((name) => name.endsWith('.ts')).sort();
  const files = ['build.mjs', 'codegen/blake2b.mjs', ...sources.map((name) => `assembly/${name}`)];
  const hash = createHash('sha256');
  hash.update(createRequire(import.meta.url)('assemblyscript/package.json').version);
  for (const file of files) hash.update(`\n${file}\n`).update(await readFile(home + file));
  return hash.digest('hex');
}

async function isCurrent(name, hash) {
  const text = await readFile(`${home}src/generated/${name}-wasm.ts`, 'utf8').catch(() => '');
  return text.startsWith(`// ${hash}\n`);
}

async function compile(name, hash) {
  const { entry, flags, triples = false } = BINARIES[name];
  const variant = `// Made by build.mjs for each binary.\nexport const TRIPLES: bool = ${triples};\n`;
  await writeFile(`${home}assembly/generated/variant.ts`, variant);
  const asc = await import('assemblyscript/asc');
  let binary;
  const { error, stderr } = await asc.main(
    [`assembly/${entry}.ts`, '--outFile', `${name}.wasm`, '--baseDir', home, ...FLAGS, ...flags],
    {
      writeFile: (file, contents) => {
        if (file === `${name}.wasm`) binary = contents;
      },
    },
  );
  if (error !== null)
    throw new Error(`asc failed on assembly/${entry}.ts for ${name}: ${stderr.toString()}`, { cause: error });
  const base64 = Buffer.from(binary).toString('base64');
  const text = `// ${hash}\n/** assembly/${entry}.ts compiled: ${binary.length} bytes of WebAssembly in base64. */\nexport const ${name.replace(/-(.)/, (_, letter) => letter.toUpperCase())}Wasm =\n  '${base64}';\n`;
  await writeFile(`${home}src/generated/${name}-wasm.ts`, text);
  console.log(`kernels: ${name}.wasm, ${binary.length} bytes`);
}

const hash = await inputHash();
await mkdir(`${home}src/generated`, { recursive: true });
await mkdir(`${home}assembly/generated`, { recursive: true });
const current = await Promise.all(Object.keys(BINARIES).map((name) => isCurrent(name, hash)));
if (!current.every(Boolean)) {
  await writeFile(`${home}assembly/generated/blake2b.ts`, generateBlake2b());
  for (const name of Object.keys(BINARIES)) await compile(name, hash);
}
