/**
 * docs/LIMITS.md is made from the `limits.ts` files of every package: names and values from the code, meanings from its
 * comments. `node tools/limits.mjs` writes it; tidy checks that it is what would be written.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { loadRepository, paths } from './tidy/repository.mjs';

const DOCUMENT = 'docs/LIMITS.md';
const INTRODUCTION = `# Limits

Every queue, cache, body, wait and retry of Floe is bounded. This page is made from the \`limits.ts\` files of each package
by \`node tools/limits.mjs\`, and a check holds it against them. What happens past a limit is an error that names it.
`;

/**
 * @param {string} root
 * @param {import('./tidy/repository.mjs').Repository} repository
 * @returns {Promise<import('./tidy/repository.mjs').Finding[]>}
 */
export async function checkLimits(root, repository) {
  const wanted = await limitsDocument(root, repository);
  if (repository.files.get(DOCUMENT) === wanted) return [];
  return [{ path: DOCUMENT, line: 1, rule: 'limits', message: 'is not what the code says; run node tools/limits.mjs' }];
}

/**
 * @param {string} root
 * @param {import('./tidy/repository.mjs').Repository} repository
 * @returns {Promise<string>}
 */
export async function limitsDocument(root, repository) {
  const sections = [];
  for (const path of paths(repository, /^packages\/[^/]+\/src\/(?:[\w-]+\/)*limits\.ts$/)) {
    const built = join(root, path.replace('/src/', '/dist/').replace(/\.ts$/, '.js'));
    const values = existsSync(built) ? await import(pathToFileURL(built).href) : {};
    const rows = rowsOf(repository.files.get(path) ?? '', values);
    if (rows.length > 0)
      sections.push(
        section(
          path
            .replace(/^packages\//, '')
            .replace('/src/', '/')
            .replace(/\/limits\.ts$/, ''),
          rows,
        ),
      );
  }
  return [INTRODUCTION, ...sections].join('\n');
}

/**
 * One row for each exported number, and for each entry of an exported object of numbers.
 *
 * @param {string} source text of a `limits.ts`
 * @param {Record<string, unknown>} values what the built module exports
 * @returns {{ name: string, value: string, meaning: string }[]}
 */
export function rowsOf(source, values) {
  const rows = [];
  for (const match of source.matchAll(/^export const (\w+)/gm)) {
    const value = values[match[1]];
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [[match[1], value]];
    for (const [name, each] of entries) {
      if (typeof each !== 'number' && typeof each !== 'bigint') continue;
      rows.push({ name, value: formatted(name, each), meaning: meaningOf(source, name) });
    }
  }
  return rows;
}

function section(name, rows) {
  const lines = rows.map(({ name: limit, value, meaning }) => `| \`${limit}\` | ${value} | ${meaning} |\n`);
  return `## ${name}\n\n| limit | value | what it bounds |\n|---|---|---|\n${lines.join('')}`;
}

/** The comment right above a name, wherever in the file it is declared with one. */
function meaningOf(source, name) {
  const comment =
    /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/|((?:^ *\/\/.*\n)+))\s*(?:export const |readonly )?NAME\b\??\s*[:=]/;
  const match = new RegExp(comment.source.replace('NAME', name), 'm').exec(source);
  const text = match?.[1] ?? match?.[2] ?? '';
  return text
    .replace(/^\s*(\*|\/\/) ?/gm, ' ')
    .replace(/\s+/g, ' ')
    .replaceAll('|', '\\|')
    .trim();
}

function formatted(name, value) {
  const number = Number(value);
  const unit = /(?:Bytes|_BYTES)(PerMs)?$|Bytes[A-Z]|(?<!PAGE)_SIZE$|(?:Ms|_MS)$/.exec(name)?.[0];
  if (unit === undefined || !Number.isInteger(number)) return grouped(String(value));
  if (!/ms$/i.test(unit)) return binary(number);
  if (unit === 'BytesPerMs') return `${number} bytes/ms`;
  return number >= 1000 ? `${number / 1000} s` : `${number} ms`;
}

function binary(bytes) {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ]) {
    if (bytes >= size && (bytes * 16) % size === 0) return `${bytes / size} ${unit}`;
  }
  return `${grouped(String(bytes))} bytes`;
}

function grouped(digits) {
  return digits.replace(/\B(?=(\d{3})+$)/g, ',');
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  writeFileSync(join(root, DOCUMENT), await limitsDocument(root, loadRepository(root)));
}
