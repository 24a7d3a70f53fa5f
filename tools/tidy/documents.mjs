/** Links in documents lead somewhere; every package says what it is. */
import { posix } from 'node:path';
import { lineAt, paths } from './repository.mjs';

/**
 * @param {import('./repository.mjs').Repository} repository
 * @returns {import('./repository.mjs').Finding[]}
 */
export function checkLinks(repository) {
  const findings = [];
  for (const path of paths(repository, /\.md$/)) {
    const text = repository.files.get(path) ?? '';
    const prose = withoutCode(text);
    for (const match of prose.matchAll(/\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)) {
      const message = checkLink(repository, path, match[1]);
      if (message !== undefined) findings.push({ path, line: lineAt(text, match.index), rule: 'links', message });
    }
  }
  return findings;
}

/**
 * @param {import('./repository.mjs').Repository} repository
 * @returns {import('./repository.mjs').Finding[]}
 */
export function checkReadmes(repository) {
  return paths(repository, /^(packages\/[^/]+|testkit|tools)\/package\.json$/)
    .map((path) => path.replace('package.json', 'README.md'))
    .filter((path) => !repository.files.has(path))
    .map((path) => ({ path, line: 1, rule: 'readme', message: 'is missing: every package says what it is' }));
}

function checkLink(repository, path, link) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(link)) return undefined;
  const [file, anchor] = link.split('#', 2);
  const target = file === '' ? path : posix.normalize(posix.join(posix.dirname(path), decodeURIComponent(file)));
  const folder = target.replace(/\/$/, '');
  const isFolder = [...repository.files.keys()].some((each) => each.startsWith(`${folder}/`));
  if (!repository.files.has(target) && !isFolder) return `${link} leads nowhere: there is no ${target}`;
  if (anchor === undefined || anchor === '' || !target.endsWith('.md')) return undefined;
  return anchorsOf(repository.files.get(target) ?? '').has(anchor)
    ? undefined
    : `${link}: ${target} has no such heading`;
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(text) {
  const anchors = new Set();
  for (const match of withoutCode(text, { inline: false }).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const words = match[1].replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(/\s/g, '-');
    let unique = anchor;
    for (let count = 1; anchors.has(unique); count += 1) unique = `${anchor}-${count}`;
    anchors.add(unique);
  }
  return anchors;
}

function withoutCode(text, { inline = true } = {}) {
  const blank = (part) => part.replace(/[^\n]/g, ' ');
  const prose = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, blank);
  return inline ? prose.replace(/`[^`\n]*`/g, blank) : prose;
}
