#!/usr/bin/env node
// Committed, so that `npx floe` is linked before the first build; the command itself is in dist/.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const main = new URL('../dist/main.js', import.meta.url);

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`floe needs Node.js 20.19 or newer; this is ${process.versions.node}\n`);
  process.exitCode = 2;
} else if (!existsSync(fileURLToPath(main))) {
  process.stderr.write('floe is not built yet: run `npm run build` in the checkout, then try again\n');
  process.exitCode = 2;
} else {
  const { main: run } = await import(main.href);
  process.exitCode = await run(process.argv.slice(2));
}
