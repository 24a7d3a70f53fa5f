/**
 * docs/CONFIGURATION.md is made from the table of a storage node's settings: `node tools/configuration.mjs`, after the
 * build, writes it; a test checks that it is what would be written.
 */
import { writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = new URL('../', import.meta.url);

/** Where the reference is. */
export const CONFIGURATION_DOCUMENT = fileURLToPath(new URL('docs/CONFIGURATION.md', root));

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const { configurationDocument } = await import(new URL('packages/cli/dist/node-config/document.js', root).href);
  writeFileSync(CONFIGURATION_DOCUMENT, configurationDocument());
}
