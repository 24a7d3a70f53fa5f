import { describe, expect, it } from 'vitest';
import { checkLinks, checkReadmes } from '../tidy/documents.mjs';
import { checkImports } from '../tidy/imports.mjs';
import { checkPurity } from '../tidy/purity.mjs';
import { type Finding, type Repository } from '../tidy/repository.mjs';
import { codeOf, importsOf } from '../tidy/source-text.mjs';
import { checkExports, checkLengths, checkPromises, checkSlowTests, checkVersions } from '../tidy/sources.mjs';

const repository = (files: Record<string, string>): Repository => ({ files: new Map(Object.entries(files)) });
const told = (findings: Finding[]): string[] => findings.map(({ path, line, message }) => `${path}:${line} ${message}`);

describe('tidy reads TypeScript', () => {
  it('blanks comments, keeps places, and knows a string from a comment', () => {
    const text = "const a = 'http://x'; // gone\n/* gone\n too */ const b = `// kept`;";
    expect(codeOf(text)).toBe("const a = 'http://x';        \n       \n        const b = `// kept`;");
    expect(codeOf("f('x')", { strings: 'blank' })).toBe('f(   )');
  });

  it('finds imports of every form, and none in comments', () => {
    const text = `
// import { no } from './comment.ts';
import { a,
  b } from './several-lines.ts';
import type { C } from './types.ts';
export * from './passed-on.ts';
import './effect.ts';
const d = await import('./later.ts');
const w = new URL('./worker.js', import.meta.url);
const e = { from: 'x' };`;
    expect(
      importsOf(text)
        .map(({ specifier }) => specifier)
        .sort(),
    ).toEqual(['./effect.ts', './later.ts', './passed-on.ts', './several-lines.ts', './types.ts', './worker.js']);
  });
});

describe('tidy holds the direction of imports', () => {
  const manifest = JSON.stringify({
    dependencies: { '@floe/platform': '0.1.0', '@floe/ledger': '0.1.0', '@floe/protocol': '0.1.0' },
  });

  it('refuses an import against the direction, and takes one along it', () => {
    const files = repository({
      'packages/node/package.json': manifest,
      'packages/node/src/a.ts': "import { x } from '@floe/protocol';\nimport { y } from '@floe/ledger';",
      'packages/protocol/package.json': manifest,
      'packages/protocol/src/b.ts': "import type { z } from '@floe/node';",
    });
    expect(told(checkImports(files))).toEqual([
      'packages/node/src/a.ts:2 node may not import ledger',
      'packages/protocol/src/b.ts:1 protocol may not import node',
    ]);
  });

  it('refuses a relative path into another package, from tests too', () => {
    const files = repository({
      'packages/node/test/a.test.ts': "import { x } from '../../protocol/src/ids.ts';",
      'packages/node/src/b.ts': "import { y } from './c.ts';",
    });
    expect(told(checkImports(files))).toEqual([
      'packages/node/test/a.test.ts:1 ../../protocol/src/ids.ts leads out of packages/node; import the package by its name',
    ]);
  });

  it('refuses what is not declared', () => {
    const files = repository({
      'packages/protocol/package.json': manifest,
      'packages/protocol/src/a.ts': "import { x } from 'left-pad';\nimport { y } from '@noble/hashes/blake2.js';",
    });
    expect(told(checkImports(files)).map((line) => line.split(' ')[1])).toEqual(['left-pad', '@noble/hashes']);
  });
});

describe('tidy keeps pure code pure', () => {
  it.each([
    ['packages/protocol/src/a.ts', 'const t = Date.now();', 'Date.now'],
    ['packages/redstuff/src/a.ts', 'setTimeout(() => {}, 1);', 'setTimeout('],
    ['packages/contracts/src/a.ts', 'await fetch(url);', 'fetch('],
    ['packages/ledger/src/a.ts', 'const r = Math.random();', 'Math.random'],
    ['packages/node/src/a.ts', 'const e = process.env;', 'process.'],
    ['packages/client/src/web/a.ts', "import { x } from 'node:fs';", 'node:fs'],
    ['packages/platform/src/a.ts', "import { x } from './node/time.ts';", './node/time.ts'],
    ['packages/client/src/a.ts', "import { x } from '@floe/redstuff/node';", '@floe/redstuff/node'],
    ['packages/kernels/src/a.ts', 'const b = Buffer.from(x);', 'Buffer'],
  ])('%s may not: %s', (path, text, what) => {
    const findings = checkPurity(repository({ [path]: text }));
    expect(findings.map(({ message }) => message)).toEqual([expect.stringContaining(`may not use ${what}`)]);
  });

  it.each([
    ['packages/platform/src/node/a.ts', "import { x } from 'node:fs'; const t = Date.now();"],
    ['packages/platform/src/web/a.ts', 'setTimeout(() => {}, 1); await fetch(url);'],
    ['packages/redstuff/src/node/a.ts', "import { Worker } from 'node:worker_threads';"],
    ['packages/node/src/a.ts', "import { join } from 'node:path'; await scheduler.sleep(1);"],
    [
      'packages/protocol/src/a.ts',
      "// Date.now()\nconst s = 'Math.random()'; modules.fetch(url); new Date(0); ArrayBuffer;",
    ],
    ['packages/protocol/test/a.test.ts', 'const t = Date.now();'],
  ])('%s may: %s', (path, text) => {
    expect(checkPurity(repository({ [path]: text }))).toEqual([]);
  });
});

describe('tidy follows the links of documents', () => {
  it('finds files, folders and headings, and says which are missing', () => {
    const files = repository({
      'README.md': [
        '[a](docs/A.md) [b](docs/) [c](docs/A.md#the-second-part-1) [d](#here) [e](https://example.org/x)',
        '[f](docs/B.md) [g](docs/A.md#third)',
        '# Here',
        '```',
        '[h](missing.md)',
        '```',
        '`[i](missing.md)`',
      ].join('\n'),
      'docs/A.md': '# The second part\n## The *second* part!\n[up](../README.md)',
    });
    expect(told(checkLinks(files))).toEqual([
      'README.md:2 docs/B.md leads nowhere: there is no docs/B.md',
      'README.md:2 docs/A.md#third: docs/A.md has no such heading',
    ]);
  });

  it('wants a README of every package', () => {
    const files = repository({
      'packages/a/package.json': '{}',
      'packages/b/package.json': '{}',
      'packages/b/README.md': '',
    });
    expect(told(checkReadmes(files))).toEqual(['packages/a/README.md:1 is missing: every package says what it is']);
  });
});

describe('tidy looks at sources', () => {
  it('counts lines', () => {
    const files = repository({
      'packages/a/src/long.ts': 'x\n'.repeat(601),
      'packages/a/src/full.ts': 'x\n'.repeat(600),
    });
    expect(told(checkLengths(files))).toEqual(['packages/a/src/long.ts:600 has 601 lines, at most 600 are allowed']);
  });

  it('finds words that promise later work', () => {
    const word = ['TO', 'DO'].join('');
    const files = repository({ 'docs/a.md': `fine\n${word}: later`, 'packages/a/src/b.ts': `const ${word}S = 1;` });
    expect(told(checkPromises(files)).map((line) => line.slice(0, 11))).toEqual(['docs/a.md:2']);
  });

  it('wants exact versions', () => {
    const text = JSON.stringify(
      { dependencies: { a: '1.2.3', b: '^1.2.3' }, devDependencies: { c: 'latest' } },
      null,
      2,
    );
    expect(told(checkVersions(repository({ 'packages/a/package.json': text })))).toEqual([
      'packages/a/package.json:4 b must have an exact version, not ^1.2.3',
      'packages/a/package.json:7 c must have an exact version, not latest',
    ]);
  });

  it('wants every slow test in one suite', () => {
    const files = repository({
      'packages/redstuff/test/oracle.slow.test.ts': '',
      'packages/node/test/segment-log.crash.slow.test.ts': '',
      'packages/cli/test/faults/kill.slow.test.ts': '',
      'packages/cli/test/slow-thing.slow.test.ts': '',
      'packages/cli/test/oracle-faults.slow.test.ts': '',
    });
    expect(told(checkSlowTests(files)).map((line) => line.split(';')[0])).toEqual([
      'packages/cli/test/oracle-faults.slow.test.ts:1 belongs to several: oracle, faults',
      'packages/cli/test/slow-thing.slow.test.ts:1 belongs to no slow suite',
    ]);
  });

  it('finds exports that nobody uses', () => {
    const files = repository({
      'packages/a/src/index.ts': "export * from './public.ts';\nexport { used } from './b.ts';",
      'packages/a/src/public.ts': 'export const anything = 1;',
      'packages/a/src/b.ts': 'export const used = 1;\nexport function lonely() {}\nexport interface Shape {}',
      'packages/a/src/c.ts': "import * as all from './d.ts';",
      'packages/a/src/d.ts': 'export const inside = 1;',
    });
    expect(told(checkExports(files))).toEqual(['packages/a/src/b.ts:2 no other file uses the export lonely']);
  });
});
