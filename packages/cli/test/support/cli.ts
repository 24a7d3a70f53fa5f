/** What the tests that run `floe` as a process have in common. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runFloe, type FloeResult, type FloeRunOptions } from '@floe/testkit';
import { expect } from 'vitest';

/** Exit codes, by name. */
export const EXIT = { done: 0, invalid: 2, notFound: 3, conflict: 4, exhausted: 6, unavailable: 7, interrupted: 130 };

export interface Cli {
  /** Runs a command to its end. */
  run(args: readonly string[], options?: FloeRunOptions): Promise<FloeResult>;
  /** Runs a command that must succeed, and returns what it printed. */
  ok(args: readonly string[], options?: FloeRunOptions): Promise<string>;
  /** The same with `--json`. */
  json<T>(args: readonly string[], options?: FloeRunOptions): Promise<T>;
  /** Runs a command with `--json` that must fail with that exit code and error; returns the error's message. */
  fails(args: readonly string[], exitCode: number, errorCode: string, options?: FloeRunOptions): Promise<string>;
  /** Runs a shell command in which `$FLOE` stands for the program. */
  shell(command: string): Promise<FloeResult>;
}

/** The program with defaults for `options`. */
export function createCli(defaults: FloeRunOptions): Cli {
  const run: Cli['run'] = (args, options = {}) =>
    runFloe(args, { ...defaults, ...options, env: { ...defaults.env, ...options.env } });
  const ok: Cli['ok'] = async (args, options) => {
    const { code, stdout, stderr } = await run(args, options);
    expect(code, `floe ${args.join(' ')}\n${stderr}`).toBe(EXIT.done);
    return stdout;
  };
  return {
    run,
    ok,
    json: async (args, options) => JSON.parse(await ok([...args, '--json'], options)) as never,
    fails: async (args, exitCode, errorCode, options) => {
      const { code, stderr } = await run([...args, '--json'], options);
      expect(code, stderr).toBe(exitCode);
      const { error } = JSON.parse(stderr) as { error: { code: string; message: string } };
      expect(error.code).toBe(errorCode);
      return error.message;
    },
    shell: (command) => shell(command, defaults),
  };
}

async function shell(command: string, { env, cwd }: FloeRunOptions): Promise<FloeResult> {
  const bin = fileURLToPath(new URL('../../bin/floe.mjs', import.meta.url));
  const options = { cwd, env: { ...process.env, ...env, FLOE: `${process.execPath} ${bin}` } };
  try {
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', command], options);
    return { code: 0, stdout, stderr };
  } catch (error) {
    return error as FloeResult & Error;
  }
}
