/** Length of files, words that promise later work, exact versions, names of slow tests, exports that nobody uses. */
import { posix } from 'node:path';
import { missingOptionals } from '../lockfile.mjs';
import { suitesOf } from '../suites.mjs';
import { lineAt, paths } from './repository.mjs';
import { codeOf } from './source-text.mjs';

const MAX_LINES = 600;
/** In two parts each, or this file would find itself. */
const PROMISES = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`, 'g');

/**
 * @param {import('./repository.mjs').Repository} repository
 * @returns {import('./repository.mjs').Finding[]}
 */
export function checkLengths(repository) {
  return paths(repository, /^(packages\/[^/]+|testkit)\/(src|assembly)\/.*\.ts$|^tools\/.*\.mjs$/).flatMap((path) => {
    const lines = (repository.files.get(path) ?? '').trimEnd().split('\n').length;
    if (lines <= MAX_LINES) return [];
    return [{ path, line: MAX_LINES, rule: 'length', message: `has ${lines} lines, at most ${MAX_LINES} are allowed` }];
  });
}

/**
 * @param {import('./repository.mjs').Repository} repository
 * @returns {import('./repository.mjs').Finding[]}
 */
export function checkPromises(repository) {
  return paths(repository, /^(?!package-lock\.json)(?!.*\/vectors\/)/).flatMap((path) => {
    const text = repository.files.get(path) ?? '';
    return [...text.matchAll(PROMISES)].map((match) => ({
      path,
      line: lineAt(text, match.index),
      rule: 'promises',
      message: `${match[0]}: do it, or write down what is missing where users look`,
    }));
  });
}

/**
 * @param {import('./repository.mjs').Repository} repository
 * @returns {import('./repository.mjs').Finding[]}
 */
export function checkVersions(repository) {
  return paths(repository, /(^|\/)package\.json$/).flatMap((path) => {
    const text = repository.files.get(path) ?? '{}';
    const manifest = JSON.parse(text);
    const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
    return Object.entries(all)
      .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version)))
      .map(([name, version]) => ({
        path,
        line: lineAt(text, text.indexOf(`"${name}"`)),
        rule: 'versions',
        message: `${name} must have an exact version, not ${version}`,
      }));
  });
}

/**
 * @param {import('./repository.mjs').Repository} repository
 * @returns {import('./repository.mjs').Finding[]}
 */
export function checkLockfile(repository) {
  const path = 'package-lock.json';
  const { packages } = JSON.parse(repository.files.get(path) ?? '{"packages":{}}');
  return [...missingOptionals(packages).keys()].map((name) => ({
    path,
    line: 1,
    rule: 'lockfile',
    message: `has no entry for ${name}, which npm ci wants; run node tools/lockfile.mjs`,
  }));
}

/**
 * @param {import('./repository.mjs').Repository} repository
 * @returns {import('./repository.mjs').Finding[]}
 */
export function checkSlowTests(repository) {
  return paths(repository, /\.slow\.test\.ts$/).flatMap((path) => {
    const suites = suitesOf(path);
    if (suites.length === 1) return [];
    const message = suites.length === 0 ? 'belongs to no slow suite' : `belongs to several: ${suites.join(', ')}`;
    return [{ path, line: 1, rule: 'slow tests', message: `${message}; see tools/suites.mjs` }];
  });
}

/**
 * An exported value that no other file names is either dead or needs no `export`. What another file takes whole
 * (`export *`, `import * as`) counts as used.
 *
 * @param {import('./repository.mjs').Repository} repository
 * @returns {import('./repository.mjs').Finding[]}
 */
export function checkExports(repository) {
  const words = new Map();
  for (const path of paths(repository, /\.(ts|tsx|mjs)$/)) {
    words.set(path, new Set(codeOf(repository.files.get(path) ?? '').match(/[A-Za-z_$][\w$]*/g)));
  }
  const findings = [];
  for (const path of paths(repository, /^(packages\/[^/]+|testkit)\/src\/.*\.ts$/)) {
    // Limits are for docs/LIMITS.md too.
    if (/\/(index|limits)\.ts$/.test(path) || isPassedOn(repository, path)) continue;
    const text = repository.files.get(path) ?? '';
    const exported = /^export (?:async )?(?:const|let|function\*?|class|abstract class) ([A-Za-z_$][\w$]*)/gm;
    for (const match of text.matchAll(exported)) {
      const isUsed = [...words].some(([other, names]) => other !== path && names.has(match[1]));
      if (isUsed) continue;
      const message = `no other file uses the export ${match[1]}`;
      findings.push({ path, line: lineAt(text, match.index), rule: 'exports', message });
    }
  }
  return findings;
}

/** Whether some file of the package takes everything of this one: `export *`, `import * as`. */
function isPassedOn(repository, path) {
  const home = path.split('/src/', 1)[0];
  return paths(repository, /\.ts$/).some((other) => {
    if (!other.startsWith(`${home}/src/`)) return false;
    const text = repository.files.get(other) ?? '';
    const whole = [...text.matchAll(/^(?:export|import) (?:type )?\* ?(?:as \w+ )?from '(\..+?)'/gm)];
    return whole.some((match) => posix.join(posix.dirname(other), match[1]) === path);
  });
}
