/**
 * docs/COMMANDS.md is made from the help of the `floe` command itself: `node tools/commands.mjs`, after the build,
 * writes it; a test checks that it is what would be written.
 */
import { writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = new URL('../', import.meta.url);
const WIDTH = 110;
const INTRODUCTION = `# Commands

Made from \`floe --help\` and the help of every command by \`node tools/commands.mjs\`; a test holds it against them.
`;

/** Where the reference is. */
export const COMMANDS_DOCUMENT = fileURLToPath(new URL('docs/COMMANDS.md', root));

/**
 * The reference of a command and all below it.
 *
 * @param {import('commander').Command} program
 * @returns {string}
 */
export function commandsDocument(program) {
  return [INTRODUCTION, ...sections(program, program.name())].join('\n');
}

/**
 * @param {import('commander').Command} command
 * @param {string} path its name with those of its parents
 * @returns {string[]}
 */
function sections(command, path) {
  return [
    `## ${path}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`,
    ...command.commands.flatMap((below) => sections(below, `${path} ${below.name()}`)),
  ];
}

/** @param {import('commander').Command} command */
function helpOf(command) {
  let text = '';
  command.configureOutput({
    writeOut: (part) => (text += part),
    getOutHelpWidth: () => WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trim();
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const { createProgram } = await import(new URL('packages/cli/dist/main.js', root).href);
  writeFileSync(COMMANDS_DOCUMENT, commandsDocument(createProgram(new AbortController().signal)));
}
