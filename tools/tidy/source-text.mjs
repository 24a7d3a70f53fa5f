/** Just enough reading of TypeScript for the rules: what is code, what is comment, what is imported. */

/**
 * The text with comments blanked out, and on request the contents of strings too; every character keeps its place.
 * A regular expression that holds quotes or `//` is not recognised as one; the rules can live with that.
 *
 * @param {string} text
 * @param {{ strings?: 'keep' | 'blank' }} [options]
 * @returns {string}
 */
export function codeOf(text, { strings = 'keep' } = {}) {
  let code = '';
  let index = 0;
  const take = (length, visible) => {
    const part = text.slice(index, index + length);
    code += visible ? part : part.replace(/[^\n]/g, ' ');
    index += length;
  };
  while (index < text.length) {
    if (text.startsWith('//', index)) take(lengthTo(text, index, '\n'), false);
    else if (text.startsWith('/*', index)) take(lengthTo(text, index + 2, '*/') + 4, false);
    else if ('\'"`'.includes(text[index])) take(stringLength(text, index), strings === 'keep');
    else take(1, true);
  }
  return code;
}

/**
 * What a source imports, statically or not; `typeOnly` imports vanish when compiled.
 *
 * @param {string} text
 * @returns {{ specifier: string, index: number, typeOnly: boolean }[]}
 */
export function importsOf(text) {
  const code = codeOf(text);
  const found = [];
  const statement = /(?:^|[\s;])(import|export)(\s+type)?\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/g;
  for (const match of code.matchAll(statement)) {
    // The match begins with what stands before the statement, often the end of the line above.
    const index = match.index + match[0].search(/import|export/);
    found.push({ specifier: match[3], index, typeOnly: match[2] !== undefined });
  }
  for (const match of code.matchAll(/\bimport\s*(?:\(\s*)?['"]([^'"]+)['"]/g)) {
    found.push({ specifier: match[1], index: match.index, typeOnly: false });
  }
  for (const match of code.matchAll(/\bnew URL\(\s*['"](\.[^'"]+)['"]\s*,\s*import\.meta\.url/g)) {
    found.push({ specifier: match[1], index: match.index, typeOnly: false });
  }
  return found;
}

function lengthTo(text, from, end) {
  const found = text.indexOf(end, from);
  return (found === -1 ? text.length : found) - from;
}

function stringLength(text, start) {
  const quote = text[start];
  let index = start + 1;
  while (index < text.length && text[index] !== quote) {
    // A quote in a regular expression begins no string: a string does not go past its line.
    if (quote !== '`' && text[index] === '\n') return 1;
    index += text[index] === '\\' ? 2 : 1;
  }
  return Math.min(index + 1, text.length) - start;
}
