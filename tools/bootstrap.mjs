/**
 * Makes a checkout ready to run: checks Node.js, installs the locked packages, builds. Needs nothing but Node.js and
 * npm, because it runs before anything is installed; npm's own hooks do not run here (`ignore-scripts`).
 *
 * Silent and quick when there is nothing to do. Several runs at once wait for each other.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { installedAsLocked } from './bootstrap/installed.mjs';
import { withLock } from './bootstrap/lock.mjs';

const MINIMUM_NODE = [20, 19];
const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, '.cache');
const installStamp = join(root, 'node_modules', '.floe-installed');
const buildStamp = join(cache, 'built');

await main();

async function main() {
  checkNode();
  if (isInstalled() && isBuilt()) return;
  mkdirSync(cache, { recursive: true });
  await withLock(join(cache, 'bootstrap.lock'), say, async () => {
    if (!isInstalled()) await install();
    if (!isBuilt()) await build();
  });
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])) return;
  fail(`Floe needs Node.js ${MINIMUM_NODE.join('.')} or newer; this is ${process.versions.node}.`);
}

function isInstalled() {
  const wanted = digest([readFileSync(join(root, 'package-lock.json')), process.platform, process.arch]);
  if (readIfThere(installStamp) === wanted) return true;
  // Installed by hand (`npm install`): npm's own record says what is there.
  if (!installedAsLocked(root)) return false;
  writeFileSync(installStamp, wanted);
  return true;
}

async function install() {
  say('installing packages (npm ci)');
  const started = Date.now();
  // Everything on the command line that a user's or a machine's npmrc could have set otherwise.
  const extent = ['--include=dev', '--include=optional', '--include=peer', '--no-global', '--package-lock'];
  // Some packages say that they want Node.js 22; what Floe uses of them runs on 20, and the tests show it.
  const manner = ['--no-engine-strict', '--no-legacy-peer-deps', '--install-strategy=hoisted', '--no-dry-run'];
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  const [command, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  await run(command, [...first, 'ci', ...extent, ...manner, ...quiet], 'npm ci');
  writeFileSync(installStamp, digest([readFileSync(join(root, 'package-lock.json')), process.platform, process.arch]));
  say(`installed in ${seconds(started)}`);
}

function isBuilt() {
  const hasOutput = projects().every((project) => existsSync(join(root, project, 'dist', '.tsbuildinfo')));
  return hasOutput && readIfThere(buildStamp) === sourcesDigest();
}

async function build() {
  say('building');
  const started = Date.now();
  // Taken first: what is edited during the build is not in it.
  const sources = sourcesDigest();
  const kernels = join(root, 'packages', 'kernels', 'build.mjs');
  if (existsSync(kernels)) await run(process.execPath, [kernels], 'the build of the kernels');
  await run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b'], 'tsc -b');
  writeFileSync(buildStamp, sources);
  say(`built in ${seconds(started)}`);
}

/** The folders that `tsc -b` builds. */
function projects() {
  return JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')).references.map(({ path }) => path);
}

/** Changes with every source that is added, edited or removed. */
function sourcesDigest() {
  const parts = [];
  const add = (path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    parts.push(`${path} ${stat === undefined ? 'absent' : `${stat.mtimeMs} ${stat.size}`}\n`);
  };
  const addTree = (directory) => {
    if (!existsSync(directory)) return;
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      // What the build itself makes would change the digest after it was taken.
      if (entry.isDirectory() && entry.name !== 'generated') addTree(path);
      else if (entry.isFile()) add(path);
    }
  };
  for (const name of ['tsconfig.json', 'tsconfig.base.json', 'package-lock.json']) add(join(root, name));
  for (const project of projects()) {
    for (const name of ['package.json', 'tsconfig.json', 'build.mjs']) add(join(root, project, name));
    for (const name of ['src', 'assembly', 'codegen']) addTree(join(root, project, name));
  }
  return digest(parts);
}

function run(command, args, name) {
  return new Promise((resolve) => {
    // npm is a script of the shell on Windows; nothing in `args` needs quoting.
    const shell = process.platform === 'win32' && command === 'npm';
    const child = spawn(command, args, { cwd: root, shell, stdio: ['ignore', 2, 2] });
    child.once('error', (error) => fail(`${name} did not start: ${error.message}`));
    child.once('exit', (code) => (code === 0 ? resolve() : fail(`${name} failed; its output is above.`)));
  });
}

function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function digest(parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

function say(text) {
  process.stderr.write(`floe: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}
