/** Whether `node_modules` holds what `package-lock.json` says, by npm's own record of what it installed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param {string} root the checkout
 * @returns {boolean}
 */
export function installedAsLocked(root) {
  const locked = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'));
  if (locked === undefined || installed === undefined) return false;
  for (const [path, entry] of Object.entries(locked)) {
    if (!path.includes('node_modules/')) continue;
    const found = installed[path];
    // Packages for other machines are optional and left out.
    if (found === undefined && entry.optional !== true) return false;
    if (found !== undefined && (found.version !== entry.version || found.integrity !== entry.integrity)) return false;
  }
  return Object.keys(installed).every((path) => !path.includes('node_modules/') || locked[path] !== undefined);
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
