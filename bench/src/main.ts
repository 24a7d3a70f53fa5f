/** `npm run bench -- NAME [--quick] [--write]`. */
import { benchCodec } from './codec.ts';
import { benchLedger } from './ledger/main.ts';
import { benchStore } from './store.ts';

/** `write`: put the table into the project's README; `quick`: a few short cases, to see that all is well. */
type Benchmark = (options: { write: boolean; quick: boolean }) => Promise<void>;

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  codec: benchCodec,
  ledger: benchLedger,
  store: benchStore,
};
const FLAGS = ['--write', '--quick'];

const [name = '', ...flags] = process.argv.slice(2);
const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
if (benchmark === undefined || flags.some((flag) => !FLAGS.includes(flag))) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(BENCHMARKS).join('|')} [--quick] [--write]\n`);
  process.exitCode = 2;
} else {
  await benchmark({ write: flags.includes('--write'), quick: flags.includes('--quick') });
}
