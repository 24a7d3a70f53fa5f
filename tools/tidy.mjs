/**
 * The rules of this repository that no compiler knows. Prints what breaks one, as `path:line: message (rule)`.
 * Runs after the build: the table in docs/LIMITS.md is held against the built limits.
 */
import { fileURLToPath } from 'node:url';
import { checkLimits } from './limits.mjs';
import { checkLinks, checkReadmes } from './tidy/documents.mjs';
import { checkImports } from './tidy/imports.mjs';
import { checkPurity } from './tidy/purity.mjs';
import { loadRepository } from './tidy/repository.mjs';
import {
  checkExports,
  checkLengths,
  checkLockfile,
  checkPromises,
  checkSlowTests,
  checkVersions,
} from './tidy/sources.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const repository = loadRepository(root);
const findings = [
  ...[checkImports, checkPurity, checkLinks, checkReadmes, checkLengths].flatMap((check) => check(repository)),
  ...[checkPromises, checkVersions, checkLockfile, checkSlowTests, checkExports].flatMap((check) => check(repository)),
  ...(await checkLimits(root, repository)),
];
for (const { path, line, rule, message } of findings) process.stdout.write(`${path}:${line}: ${message} (${rule})\n`);
process.exitCode = findings.length === 0 ? 0 : 1;
