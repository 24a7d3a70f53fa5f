/**
 * Runs the checks and the test suites.
 *
 *   node tools/test.mjs fast                     everything that needs no server of its own
 *   node tools/test.mjs check                    the same without running tests
 *   node tools/test.mjs SUITE [--budget SECONDS] [--seed SEED] [FILTER…]      in full unless there is a budget
 *
 * A slow suite's tests are the files `*.slow.test.ts` that have its name in front of `.slow` or `-`, or as a folder:
 * `oracle.slow.test.ts`, `crash-writes.slow.test.ts`, `segment-log.crash.slow.test.ts`, `crash/network.slow.test.ts`.
 * They read FLOE_TEST_SEED, a whole number, and FLOE_TEST_BUDGET_S, which is not set for a run in full.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SUITES, suiteFiles } from './suites.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name) => fileURLToPath(new URL(`../node_modules/${name}`, import.meta.url));
/** What a suite may take beyond its budget: start, shutdown and the case under way at the end. */
const OVERTIME_S = 480;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    budget: { type: 'string' },
    seed: { type: 'string', default: new Date().toISOString().slice(0, 10).replaceAll('-', '') },
  },
});
const [command = 'fast', ...filters] = positionals;
for (const name of ['budget', 'seed']) {
  if (values[name] !== undefined && !/^\d{1,10}$/.test(values[name])) {
    process.stderr.write(`--${name} must be a whole number, not ${values[name]}\n`);
    process.exit(2);
  }
}

if (command === 'fast') process.exit(await runSteps([...checks(), vitestStep(filters)]));
else if (command === 'check') process.exit(await runSteps(checks()));
else if (SUITES.includes(command)) process.exit(await runSuite(command));
else {
  process.stderr.write(`unknown command ${command}; there are fast, check, ${SUITES.join(', ')}\n`);
  process.exit(2);
}

function checks() {
  return [
    { name: 'tidy', script: fileURLToPath(new URL('tidy.mjs', import.meta.url)), args: [] },
    { name: 'types of tests', script: bin('typescript/bin/tsc'), args: ['-p', 'tsconfig.test.json'] },
    { name: 'lint', script: bin('oxlint/bin/oxlint'), args: ['--type-aware', '--deny-warnings'] },
    { name: 'format', script: bin('oxfmt/bin/oxfmt'), args: ['--check', '.'] },
  ];
}

function vitestStep(files) {
  return { name: 'tests', script: bin('vitest/vitest.mjs'), args: ['run', ...files], loud: true };
}

/** Runs every step, also after one failed, and sums up. */
async function runSteps(steps) {
  const failed = [];
  for (const step of steps) {
    const started = Date.now();
    const { code, output } = await run(step, {});
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${code === 0 ? 'ok    ' : 'FAILED'} ${step.name} (${seconds} s)\n`);
    if (code !== 0) {
      process.stdout.write(output);
      failed.push(step.name);
    }
  }
  if (failed.length > 0) process.stdout.write(`\nfailed: ${failed.join(', ')}\n`);
  return failed.length === 0 ? 0 : 1;
}

async function runSuite(suite) {
  const files = suiteFiles(root, suite).filter((file) => filters.every((filter) => file.includes(filter)));
  if (files.length === 0) {
    process.stderr.write(`suite ${suite} has no test files${filters.length > 0 ? ' that match' : ''}\n`);
    return 1;
  }
  const full = values.budget === undefined;
  const budget = Number(values.budget);
  const share = Math.max(1, Math.floor(budget / files.length));
  const extent = full ? 'in full' : `${budget} s for ${files.length} file(s)`;
  process.stdout.write(`suite ${suite}: ${extent}, seed ${values.seed}\n`);
  const step = { name: suite, script: bin('vitest/vitest.mjs'), args: ['run', ...files], loud: true };
  // `undefined` takes a variable out, should the caller's environment have it.
  const env = {
    FLOE_TEST_SUITE: suite,
    FLOE_TEST_SEED: values.seed,
    FLOE_TEST_BUDGET_S: full ? undefined : String(share),
  };
  const { code, timedOut } = await run(step, env, full ? undefined : (budget + OVERTIME_S) * 1000);
  const again = `node tools/test.mjs ${suite} --seed ${values.seed}${full ? '' : ` --budget ${budget}`}`;
  if (timedOut) process.stdout.write(`suite ${suite} did not end within ${budget + OVERTIME_S} s\n`);
  if (code !== 0) process.stdout.write(`suite ${suite} FAILED; again: ${again}\n`);
  return code === 0 ? 0 : 1;
}

/** A loud step writes as it goes; the output of any other is kept. */
function run({ script, args, loud = false }, env, timeoutMs) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, ...args], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: loud ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that a suite that hangs goes with the processes it started.
      detached: timeoutMs !== undefined,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
    let timedOut = false;
    const end = (signal) => process.kill(-Number(child.pid), signal);
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            end('SIGKILL');
          }, timeoutMs);
    const forward = () => end('SIGTERM');
    if (timeoutMs !== undefined) for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, forward);
    child.once('error', (error) => {
      output += `${error.message}\n`;
      resolve({ code: 1, output, timedOut });
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 1, output, timedOut });
    });
  });
}
