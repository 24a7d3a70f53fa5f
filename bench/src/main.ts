/** `npm run bench -- NAME [--write]`. */
import { benchLedger } from './ledger/main.ts';
import { benchStore } from './store.ts';

const BENCHMARKS: Readonly<Record<string, (options: { write: boolean }) => Promise<void>>> = {
  ledger: benchLedger,
  store: benchStore,
};

const [name = '', ...flags] = process.argv.slice(2);
const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
if (benchmark === undefined || flags.some((flag) => flag !== '--write')) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(BENCHMARKS).join('|')} [--write]\n`);
  process.exitCode = 2;
} else {
  await benchmark({ write: flags.includes('--write') });
}
