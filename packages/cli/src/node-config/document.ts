/** docs/CONFIGURATION.md, made from the table of settings. */
import { SECTIONS, sectionOf, SETTING_KEYS, settingOf, variableOf, type SettingKey } from './settings.ts';

const INTRODUCTION = `# Configuration of a storage node

Made from the table of settings by \`node tools/configuration.mjs\`; a test holds it against them.

A node has one configuration file, \`node.json\`, which \`floe node init\` writes with a comment on every setting. It is JSON in which
\`//\` and \`/* */\` comments and a comma after the last member are allowed. Relative paths in it are taken from its directory. It is
checked whole before anything else happens: an unknown key is refused with the nearest known one, a wrong value with its line, what was
expected and what came.

For one run a setting is overridden by its environment variable, and that by \`--set KEY=VALUE\`. The file itself is named by \`--config\`,
else by \`FLOE_NODE_CONFIG\`, else it is \`node.json\` in the current directory. Unknown variables that begin with \`FLOE_NODE_\` are refused too.
`;

export function configurationDocument(): string {
  const sections = [...new Set(SETTING_KEYS.map(sectionOf))];
  return [INTRODUCTION, ...sections.map(sectionText)].join('\n');
}

function sectionText(section: string): string {
  const keys = SETTING_KEYS.filter((key) => sectionOf(key) === section);
  const title = section === '' ? '## Without a section' : `## ${section}\n\n${SECTIONS[section]}`;
  return [
    title,
    '',
    '| key | without it | expected | variable | meaning |',
    '|---|---|---|---|---|',
    ...keys.map(rowOf),
    '',
  ].join('\n');
}

function rowOf(key: SettingKey): string {
  const { kind, doc, required, fallback } = settingOf(key);
  const without = required ? 'refused' : fallback === undefined ? '—' : `\`${JSON.stringify(fallback)}\``;
  return `| \`${key}\` | ${without} | ${kind.expected} | \`${variableOf(key)}\` | ${doc} |`;
}
