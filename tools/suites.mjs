/** The slow test suites and which files belong to each. */
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

/**
 * `oracle` against the official encoder; `conformance` with the official SDK and curl; `scale` with the largest committee;
 * `commands` runs every command of the command line; `crash` cuts power and kills processes; `faults` real processes
 * and sockets that fail; `chaos` the same at random, under a load that never stops; `epochs` a network in use while its epochs turn; `fuzz` feeds mutated inputs by the million; `browser` in headless Chromium.
 */
export const SUITES = [
  'oracle',
  'conformance',
  'scale',
  'commands',
  'crash',
  'faults',
  'chaos',
  'epochs',
  'fuzz',
  'browser',
];

/** Where slow tests may be. */
const PLACES = ['packages', 'testkit', 'conformance', 'tools'];
const SKIPPED = new Set(['node_modules', 'dist', 'vectors']);

/**
 * Paths of a suite's test files, relative to `root`, in order.
 *
 * @param {string} root
 * @param {string} suite
 * @returns {string[]}
 */
export function suiteFiles(root, suite) {
  return slowFiles(root).filter((file) => suitesOf(file).includes(suite));
}

/**
 * Every slow test file.
 *
 * @param {string} root
 * @returns {string[]}
 */
export function slowFiles(root) {
  const files = [];
  const walk = (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) walk(path);
      else if (entry.name.endsWith('.slow.test.ts')) files.push(relative(root, path).replaceAll('\\', '/'));
    }
  };
  for (const place of PLACES) if (existsSync(join(root, place))) walk(join(root, place));
  return files.toSorted((a, b) => (a < b ? -1 : 1));
}

/**
 * Which suites a file belongs to: by its name, or else by its folders. It should be one.
 *
 * @param {string} file
 * @returns {string[]}
 */
export function suitesOf(file) {
  const folders = file.split('/');
  const names = (folders.pop() ?? '').replace(/\.slow\.test\.ts$/, '').split(/[.-]/);
  const byName = SUITES.filter((suite) => names[0] === suite || names.at(-1) === suite);
  return byName.length > 0 ? byName : SUITES.filter((suite) => folders.includes(suite));
}
