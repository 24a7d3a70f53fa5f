/** The browser's client carries no Node.js code. */
import { mkdtemp, rm } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

test('bundles for a browser without importing anything of Node.js', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'floe-bundle-'));
  try {
    const { metafile, warnings } = await build({
      entryPoints: [join(import.meta.dirname, '../dist/web/index.js')],
      bundle: true,
      platform: 'browser',
      format: 'esm',
      outdir: directory,
      metafile: true,
      logLevel: 'silent',
    });
    expect(warnings).toEqual([]);
    const outside = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
    expect(outside.filter((path) => path.startsWith('node:') || builtinModules.includes(path))).toEqual([]);
    const inputs = Object.keys(metafile.inputs);
    expect(inputs.filter((path) => /packages\/\w+\/dist\/node\//.test(path))).toEqual([]);
    expect(inputs.some((path) => path.includes('packages/redstuff/dist/'))).toBe(true);
  } finally {
    await rm(directory, { recursive: true });
  }
});
