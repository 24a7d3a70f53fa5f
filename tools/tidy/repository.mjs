/** The text files of a checkout, as the rules see them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/**
 * @typedef {{ readonly files: ReadonlyMap<string, string> }} Repository paths with `/`, relative to the root
 * @typedef {{ path: string, line: number, rule: string, message: string }} Finding
 */

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'generated', 'coverage', '.git', '.cache', '.floe']);
const TEXT = /\.(ts|tsx|mjs|js|json|md|svg|yml|yaml|html|css)$|(^|\/)(run|LICENSE|\.npmrc|\.gitignore|\.editorconfig)$/;

/**
 * Reads a checkout.
 *
 * @param {string} root
 * @returns {Repository}
 */
export function loadRepository(root) {
  const files = new Map();
  const walk = (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) {
        if (!SKIPPED_FOLDERS.has(entry.name)) walk(path);
      } else if (entry.isFile() && TEXT.test(entry.name)) {
        files.set(relative(root, path).replaceAll('\\', '/'), readFileSync(path, 'utf8'));
      }
    }
  };
  walk(root);
  return { files };
}

/**
 * Paths that match, in order.
 *
 * @param {Repository} repository
 * @param {RegExp} pattern
 * @returns {string[]}
 */
export function paths(repository, pattern) {
  return [...repository.files.keys()].filter((path) => pattern.test(path)).sort();
}

/**
 * @param {string} text
 * @param {number} index
 * @returns {number} counted from 1
 */
export function lineAt(text, index) {
  return text.slice(0, index).split('\n').length;
}
