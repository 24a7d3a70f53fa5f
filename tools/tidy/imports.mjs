/** Which package may import which, and nothing across packages but by name. */
import { posix } from 'node:path';
import { lineAt, paths } from './repository.mjs';
import { importsOf } from './source-text.mjs';

/** Imports point one way only; this table is the order. `cli` is the one place that may know everything. */
export const MAY_IMPORT = {
  platform: [],
  kernels: [],
  protocol: ['platform', 'kernels'],
  contracts: ['platform', 'kernels', 'protocol'],
  redstuff: ['platform', 'kernels', 'protocol'],
  ledger: ['platform', 'kernels', 'protocol', 'contracts'],
  node: ['platform', 'kernels', 'protocol', 'contracts', 'redstuff'],
  client: ['platform', 'kernels', 'protocol', 'contracts', 'redstuff'],
  gateway: ['platform', 'kernels', 'protocol', 'contracts', 'redstuff', 'client'],
  cli: ['platform', 'kernels', 'protocol', 'contracts', 'redstuff', 'ledger', 'node', 'client', 'gateway'],
  testkit: ['platform', 'kernels', 'protocol'],
};

/**
 * @param {import('./repository.mjs').Repository} repository
 * @returns {import('./repository.mjs').Finding[]}
 */
export function checkImports(repository) {
  const findings = [];
  for (const path of paths(repository, /^(packages\/[^/]+|testkit|tools|bench|conformance)\/.*\.(ts|tsx|mjs)$/)) {
    const text = repository.files.get(path) ?? '';
    const home = homeOf(path);
    for (const { specifier, index } of importsOf(text)) {
      const message = specifier.startsWith('.')
        ? checkRelative(path, home, specifier)
        : checkByName(repository, path, home, specifier);
      if (message !== undefined) findings.push({ path, line: lineAt(text, index), rule: 'imports', message });
    }
  }
  return findings;
}

function checkRelative(path, home, specifier) {
  const target = posix.join(posix.dirname(path), specifier);
  if (target.startsWith(`${home}/`) || target.startsWith('node_modules/')) return undefined;
  // Tools, benchmarks and tests of the whole may name files of the checkout, but not code of a package.
  if (!home.startsWith('packages/') && home !== 'testkit' && !/^packages\/[^/]+\/src\//.test(target)) return undefined;
  if (!/^(packages\/[^/]+|testkit)\/(src|dist|test)\//.test(target)) return undefined;
  return `${specifier} leads out of ${home}; import the package by its name`;
}

function checkByName(repository, path, home, specifier) {
  const name = /^@floe\/([^/]+)/.exec(specifier)?.[1] ?? (specifier === 'floe' ? 'cli' : undefined);
  const dependency = specifier.startsWith('@') ? specifier.split('/', 2).join('/') : specifier.split('/', 1)[0];
  const isSource = path.startsWith(`${home}/src/`);
  const importer = home.replace('packages/', '');
  if (!isSource || !(importer in MAY_IMPORT)) return undefined;
  if (name !== undefined && name !== importer && !MAY_IMPORT[importer].includes(name)) {
    return `${importer} may not import ${name}`;
  }
  if (specifier.startsWith('node:') || name === importer) return undefined;
  // The suites in testkit run inside the tests of others, which bring vitest.
  if (importer === 'testkit' && dependency === 'vitest') return undefined;
  const manifest = JSON.parse(repository.files.get(`${home}/package.json`) ?? '{}');
  if (dependency in { ...manifest.dependencies, ...manifest.peerDependencies }) return undefined;
  return `${dependency} is not among the dependencies in ${home}/package.json`;
}

function homeOf(path) {
  return path.startsWith('packages/') ? path.split('/', 2).join('/') : path.split('/', 1)[0];
}
