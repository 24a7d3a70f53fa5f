/** `npm run bench -- NAME [--quick] [--write]`; `ledger` also takes `--objects=N,…`. */
import { benchCodec } from './codec.ts';
import { benchHeal } from './heal/main.ts';
import { benchLedger } from './ledger/main.ts';
import { benchStore } from './store.ts';

/** `write`: put the table into the project's README; `quick`: a few short cases, to see that all is well. */
type Benchmark = (options: { write: boolean; quick: boolean; objects?: readonly number[] }) => Promise<void>;

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  codec: benchCodec,
  heal: benchHeal,
  ledger: benchLedger,
  store: benchStore,
};
const FLAGS = /^--(write|quick|objects=\d+(,\d+)*)$/;

const [name = '', ...flags] = process.argv.slice(2);
const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
if (benchmark === undefined || flags.some((flag) => !FLAGS.test(flag))) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(BENCHMARKS).join('|')} [--quick] [--write]\n`);
  process.exitCode = 2;
} else {
  const objects = flags.find((flag) => flag.startsWith('--objects='))?.slice('--objects='.length);
  await benchmark({
    write: flags.includes('--write'),
    quick: flags.includes('--quick'),
    objects: objects?.split(',').map(Number),
  });
}
