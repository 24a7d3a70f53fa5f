/** Which code may touch the world outside the program. */
import { lineAt, paths } from './repository.mjs';
import { codeOf, importsOf } from './source-text.mjs';

const TIME = [/\bDate\.now\b/, /\bnew Date\(\s*\)/, /\bperformance\.now\b/];
const CHANCE = [/\bMath\.random\b/, /\bcrypto\.(getRandomValues|randomUUID)\b/];
const TIMERS = [/(?<![.\w#])(setTimeout|setInterval)\s*\(/, /\bAbortSignal\.timeout\b/];
/** Not time, but the event loop, which code that runs in browsers does not have under this name. */
const TURNS = [/(?<![.\w#])setImmediate\s*\(/];
const NETWORK = [/(?<![.\w#])fetch\s*\(/, /\bnew (WebSocket|XMLHttpRequest|EventSource)\b/];
const PROCESS = [/(?<![.\w#])process\.(?!versions)/, /(?<![.\w#])console\./];
const THREADS = [/\bnew (Worker|SharedWorker)\b/];
const NODE_ONLY = [/(?<![.\w#])Buffer\b(?!\w)/, ...TURNS];

/**
 * Rules by path, each path under the first that matches. `forbidden` are things of the world that must come through a
 * port; `nodeFree` code runs in browsers too.
 */
const RULES = [
  { name: 'tests and tools', match: /^(?!packages\/[^/]+\/src\/)/, forbidden: [], nodeFree: false },
  {
    name: 'implementations of ports for Node.js',
    match: /^packages\/platform\/src\/node\//,
    forbidden: [],
    nodeFree: false,
  },
  {
    name: 'implementations of ports for the web',
    match: /^packages\/platform\/src\/web\//,
    forbidden: [],
    nodeFree: true,
  },
  {
    name: 'implementations of ports in memory',
    match: /^packages\/platform\/src\/memory\//,
    forbidden: [...TIME, ...CHANCE, ...NETWORK, ...PROCESS],
    nodeFree: true,
  },
  { name: 'the command line', match: /^packages\/cli\/src\//, forbidden: [...CHANCE], nodeFree: false },
  {
    name: 'Node.js entries',
    match: /^packages\/[^/]+\/src\/node\//,
    forbidden: [...TIME, ...CHANCE, ...TIMERS, ...NETWORK],
    nodeFree: false,
  },
  {
    name: 'web entries',
    match: /^packages\/[^/]+\/src\/web\//,
    forbidden: [...TIME, ...CHANCE, ...TIMERS, ...NETWORK, ...PROCESS],
    nodeFree: true,
  },
  {
    name: 'the storage node',
    match: /^packages\/(node|gateway)\/src\//,
    forbidden: [...TIME, ...CHANCE, ...TIMERS, ...NETWORK, ...PROCESS, ...THREADS],
    nodeFree: false,
  },
  {
    name: 'pure code',
    match: /^packages\/[^/]+\/src\//,
    forbidden: [...TIME, ...CHANCE, ...TIMERS, ...NETWORK, ...PROCESS, ...THREADS],
    nodeFree: true,
  },
];

/** Single uses that are right where they are, each with its reason. */
const EXEMPT = [
  // The default of an injected port: browsers and Node.js both have it, and tests give another.
  { path: 'packages/contracts/src/ledger/calls.ts', what: 'fetch(' },
];

/**
 * @param {import('./repository.mjs').Repository} repository
 * @returns {import('./repository.mjs').Finding[]}
 */
export function checkPurity(repository) {
  const findings = [];
  for (const path of paths(repository, /^packages\/.*\.(ts|tsx)$/)) {
    const rule = RULES.find(({ match }) => match.test(path));
    if (rule === undefined) continue;
    const text = repository.files.get(path) ?? '';
    const add = (index, what) => {
      if (EXEMPT.some((exempt) => exempt.path === path && exempt.what === what)) return;
      findings.push({ path, line: lineAt(text, index), rule: 'purity', message: `${rule.name} may not use ${what}` });
    };
    const code = codeOf(text, { strings: 'blank' });
    for (const pattern of [...rule.forbidden, ...(rule.nodeFree ? NODE_ONLY : [])]) {
      for (const match of code.matchAll(new RegExp(pattern, 'g'))) add(match.index, match[0].trim());
    }
    if (!rule.nodeFree) continue;
    for (const { specifier, index } of importsOf(text)) {
      if (specifier.startsWith('node:') || /^@floe\/[^/]+\/node$/.test(specifier)) add(index, specifier);
      if (/\/node\//.test(specifier) && specifier.startsWith('.')) add(index, specifier);
    }
  }
  return findings;
}
