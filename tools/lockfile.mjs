/**
 * Completes `package-lock.json`: `npm ci` wants an entry for every platform's variant of a native package, and npm
 * writes none for what its registry does not carry (mirrors often have one platform only). Run it after `npm install`;
 * tidy says when it is needed. The entries have no checksum, because nothing was downloaded to take one from.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

const PLATFORM =
  /(android|darwin|freebsd|linux|openharmony|win32)-([a-z0-9]+)(?:-(gnu|musl|msvc|eabi|gnueabihf|musleabihf))?$/;

/**
 * Names of optional packages that a lockfile wants and does not describe.
 *
 * @param {Record<string, any>} packages the lockfile's `packages`
 * @returns {Map<string, { version: string, wantedBy: any }>}
 */
export function missingOptionals(packages) {
  const missing = new Map();
  for (const [path, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const isThere = packages[`${path}/node_modules/${name}`] ?? packages[`node_modules/${name}`];
      if (isThere === undefined) missing.set(name, { version, wantedBy: entry });
    }
  }
  return missing;
}

/**
 * The packages with the missing entries, in npm's order.
 *
 * @param {Record<string, any>} packages
 * @returns {Record<string, any>}
 */
export function completed(packages) {
  const all = { ...packages };
  for (const [name, { version, wantedBy }] of missingOptionals(packages)) {
    const [, os, cpu, abi = ''] = PLATFORM.exec(name) ?? [];
    if (os === undefined) throw new Error(`cannot tell the platform of ${name} by its name`);
    const libc = os === 'linux' && abi !== '' ? { libc: [abi.startsWith('musl') ? 'musl' : 'glibc'] } : {};
    const { dev, engines, license } = wantedBy;
    all[`node_modules/${name}`] = {
      version,
      cpu: [cpu],
      ...(dev === true ? { dev } : {}),
      ...libc,
      license,
      optional: true,
      os: [os],
      ...(engines === undefined ? {} : { engines }),
    };
  }
  return Object.fromEntries(Object.entries(all).toSorted(([a], [b]) => a.localeCompare(b, 'en')));
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const path = fileURLToPath(new URL('../package-lock.json', import.meta.url));
  const lock = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, `${JSON.stringify({ ...lock, packages: completed(lock.packages) }, null, 2)}\n`);
}
