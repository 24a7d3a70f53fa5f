/** The examples that end the help of every command. */
export function examples(...lines: readonly string[]): string {
  return ['', lines.length === 1 ? 'Example:' : 'Examples:', ...lines.map((line) => `  ${line}`)].join('\n');
}

/** An object id to show in examples. */
export const EXAMPLE_OBJECT = '0x5555555555555555555555555555555555555555555555555555555555555555';
