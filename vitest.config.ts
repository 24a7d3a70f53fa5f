import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('.', import.meta.url));

/**
 * Tests import a package's own files as `../src/x.ts`, so that editors and the type checker follow them, but run the
 * built `dist/x.js`: what is tested is what ships, worker threads find their scripts, and no module is loaded twice.
 */
const runBuiltCode = {
  name: 'floe:run-built-code',
  enforce: 'pre' as const,
  async resolveId(
    this: { resolve(source: string, importer?: string, options?: object): Promise<{ id: string } | null> },
    source: string,
    importer: string | undefined,
    options: object,
  ) {
    if (!source.startsWith('.') || importer === undefined) return null;
    const resolved = await this.resolve(source, importer, { ...options, skipSelf: true });
    if (resolved === null) return null;
    const match = /^(.*\/(?:packages\/[^/]+|testkit))\/src\/(.*)\.ts$/.exec(resolved.id);
    return match === null ? null : { id: `${match[1]}/dist/${match[2]}.js`, external: true };
  },
};

/** Set by `tools/test.mjs` for a slow suite; its files run one at a time and have no time limit but the suite's. */
const isSlowSuite = process.env['FLOE_TEST_SUITE'] !== undefined;

/** Two processes run all files, and load what they import once: half of the time went into that. */
const fast = {
  include: ['packages/*/test/**/*.test.ts', 'testkit/test/**/*.test.ts', 'tools/test/**/*.test.ts'],
  exclude: ['**/node_modules/**', '**/dist/**', '**/*.slow.test.ts'],
  maxWorkers: 2,
  isolate: false,
  testTimeout: 30_000,
  hookTimeout: 30_000,
};

const slow = {
  include: ['{packages,testkit,conformance,tools}/**/*.slow.test.ts'],
  exclude: ['**/node_modules/**', '**/dist/**'],
  maxWorkers: 1,
  testTimeout: 0,
  hookTimeout: 300_000,
  disableConsoleIntercept: true,
};

export default defineConfig({
  root,
  plugins: [runBuiltCode],
  test: {
    ...(isSlowSuite ? slow : fast),
    server: { deps: { external: [/\/dist\//] } },
    pool: 'forks',
  },
});
