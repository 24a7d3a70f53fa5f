/** Writes configurations: with every setting explained, for people, or bare, for networks that make their own. */
import {
  SECTIONS,
  sectionOf,
  SETTING_KEYS,
  settingOf,
  variableOf,
  type RawSettings,
  type SettingKey,
} from './settings.ts';
import { parseJsonc } from './jsonc.ts';

const WIDTH = 110;

/** The file with a comment on every setting; those without a value in `settings` are commented out. */
export function commentedConfig(settings: RawSettings): string {
  const lines = [
    '// The configuration of a Floe storage node: JSON with comments. Settings that are commented out show what holds',
    '// without them, or an example. Every one is described in docs/CONFIGURATION.md; a variable such as',
    `// ${variableOf('ledger.url')}, or --set ledger.url=…, overrides it for one run.`,
    '{',
  ];
  const seen = new Set<string>();
  for (const key of SETTING_KEYS) {
    const section = sectionOf(key);
    if (seen.has(section) && section !== '') continue;
    seen.add(section);
    if (section === '') lines.push(...settingLines(key, key, settings, '  '), '');
    else {
      const below = SETTING_KEYS.filter((each) => sectionOf(each) === section);
      lines.push(...comment(SECTIONS[section] ?? '', '  '), `  "${section}": {`);
      for (const each of below) lines.push(...settingLines(each, each.slice(section.length + 1), settings, '    '));
      lines.push('  },', '');
    }
  }
  lines.pop();
  return [...lines, '}', ''].join('\n');
}

/** The settings alone, as JSON without comments. */
export function bareConfig(settings: RawSettings): string {
  const file: Record<string, unknown> = {};
  for (const key of SETTING_KEYS) {
    const value = settings[key];
    if (value === undefined) continue;
    const section = sectionOf(key);
    if (section === '') file[key] = value;
    else file[section] = { ...(file[section] as object | undefined), [key.slice(section.length + 1)]: value };
  }
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * `text` with a setting of the top level put in place of the line that has it, commented out or not, or else at the
 * beginning; everything else stays as its author wrote it.
 */
export function withSetting(text: string, key: SettingKey, value: string): string {
  const line = `  ${JSON.stringify(key)}: ${JSON.stringify(value)},`;
  const has = new RegExp(`^[ \\t]*(?://[ \\t]*)?"${key}"[ \\t]*:[ \\t]*"[^"\\n]*",?[ \\t]*$`, 'm');
  const changed = has.test(text)
    ? text.replace(has, () => line)
    : text.replace(/\{[ \t]*/, (brace) => `${brace}\n${line}`);
  const root = parseJsonc(changed);
  const member = root.kind === 'object' ? root.members.get(key) : undefined;
  if (member?.kind !== 'scalar' || member.value !== value) throw new Error(`the file has no place for ${key}`);
  return changed;
}

function settingLines(key: SettingKey, name: string, settings: RawSettings, indent: string): string[] {
  const { doc, fallback, example } = settingOf(key);
  const value = settings[key];
  const off = value === undefined ? '// ' : '';
  return [...comment(doc, indent), `${indent}${off}"${name}": ${JSON.stringify(value ?? fallback ?? example)},`];
}

function comment(doc: string, indent: string): string[] {
  const lines: string[] = [];
  let line = `${indent}//`;
  for (const word of doc.split(' ')) {
    if (line.length + word.length + 1 > WIDTH) {
      lines.push(line);
      line = `${indent}//`;
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
