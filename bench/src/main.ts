/**
 * `npm run bench -- NAME [--quick] [--write] [--node PATH]`; `ledger` also takes `--objects N,…`, `codec` and `node` `--part NAME`, `codec`
 * `--only TEXT`, both as often as wanted, `node` `--gigabytes N`.
 */
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { benchCodec } from './codec.ts';
import { benchFaults } from './faults.ts';
import { benchHeal } from './heal/main.ts';
import { benchLedger } from './ledger/main.ts';
import { benchNode } from './node/main.ts';
import { benchStore } from './store.ts';
import { benchTransfer } from './transfer/main.ts';

/** `write`: put the table into the project's README; `quick`: a few short cases, to see that all is well. */
type Benchmark = (options: {
  write: boolean;
  quick: boolean;
  objects?: readonly number[] | undefined;
  parts?: readonly string[] | undefined;
  only?: readonly string[] | undefined;
  gigabytes?: number | undefined;
}) => Promise<void>;

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  codec: benchCodec,
  faults: benchFaults,
  heal: benchHeal,
  ledger: benchLedger,
  node: benchNode,
  store: benchStore,
  transfer: benchTransfer,
};
const { values, positionals, problem } = parsed();
const [name = '', ...rest] = positionals;
const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
if (benchmark === undefined || rest.length > 0 || problem) {
  const names = Object.keys(BENCHMARKS).join('|');
  process.stderr.write(
    `usage: npm run bench -- ${names} [--quick] [--write] [--node PATH] [--part NAME]… [--only TEXT]… [--gigabytes N]\n`,
  );
  process.exitCode = 2;
} else if (values.node === undefined) {
  const objects = values.objects?.split(',').map(Number);
  const { write = false, quick = false, part: parts, only } = values;
  const gigabytes = values.gigabytes === undefined ? undefined : Number(values.gigabytes);
  await benchmark({ write, quick, objects, parts, only, gigabytes });
} else {
  process.exitCode = await runOn(values.node);
}

function parsed() {
  try {
    const options = {
      quick: { type: 'boolean' },
      write: { type: 'boolean' },
      node: { type: 'string' },
      objects: { type: 'string' },
      gigabytes: { type: 'string' },
      part: { type: 'string', multiple: true },
      only: { type: 'string', multiple: true },
    } as const;
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const isWrong =
      (values.objects !== undefined && !/^\d+(,\d+)*$/.test(values.objects)) ||
      (values.gigabytes !== undefined && !/^[1-9]\d*$/.test(values.gigabytes));
    return { values, positionals, problem: isWrong };
  } catch {
    return { values: {}, positionals: [], problem: true };
  }
}

/** The same benchmark on another Node.js; gives its exit code. */
async function runOn(node: string): Promise<number> {
  const flags = (['quick', 'write'] as const).filter((flag) => values[flag] === true).map((flag) => `--${flag}`);
  if (values.objects !== undefined) flags.push(`--objects=${values.objects}`);
  if (values.gigabytes !== undefined) flags.push(`--gigabytes=${values.gigabytes}`);
  flags.push(
    ...(values.part ?? []).map((part) => `--part=${part}`),
    ...(values.only ?? []).map((text) => `--only=${text}`),
  );
  const child = spawn(node, [process.argv[1] as string, name, ...flags], { stdio: 'inherit' });
  return await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
