import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JsonNode, JsonTextError, parseJsonc } from '../../src/node-config/jsonc.ts';

/** The same without lines. */
function plain(node: JsonNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'array') return node.items.map(plain);
  return Object.fromEntries([...node.members].map(([key, below]) => [key, plain(below)]));
}

function lineOfError(text: string): [line: number, message: string] {
  try {
    parseJsonc(text);
  } catch (error) {
    if (error instanceof JsonTextError) return [error.line, error.message];
    throw error;
  }
  return [0, 'no error'];
}

describe('JSON with comments', () => {
  it('reads all that is JSON as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        // A key `__proto__` is a plain key in both.
        expect(JSON.stringify(plain(parseJsonc(text)))).toBe(JSON.stringify(JSON.parse(text)));
      }),
      { numRuns: 200 },
    );
  });

  it('skips comments and a last comma, but nothing inside of texts, and knows the lines', () => {
    const root = parseJsonc('// a\n{ "a": "x // y", /* b\n , */ "b/*": [1, 2,],\n}\n// end');
    expect(plain(root)).toEqual({ a: 'x // y', 'b/*': [1, 2] });
    expect(root.kind === 'object' && [...root.members.values()].map(({ line }) => line)).toEqual([2, 3]);
  });

  it('says on which line something is wrong, and what', () => {
    expect(lineOfError('{\n"a": 1,\n"a": 2}')).toEqual([3, '"a" comes a second time']);
    expect(lineOfError('{\n"a": yes}')).toEqual([2, 'yes is no value: texts stand in double quotes']);
    expect(lineOfError('{\n"a" 1}')).toEqual([2, 'expected a colon after "a", got 1']);
    expect(lineOfError('{"a": 1\n"b": 2}')).toEqual([2, 'expected a comma or }, got "']);
    expect(lineOfError("{'a': 1}")).toEqual([1, "expected a key in double quotes, or }, got '"]);
    expect(lineOfError('{"a": "x\n"}')[0]).toBe(1);
    expect(lineOfError('{"a": 1')).toEqual([1, 'expected a comma or }, got the end of the file']);
    expect(lineOfError('{} {}')).toEqual([1, 'expected the end of the file, got {']);
    expect(lineOfError('{,}')[1]).toContain('expected a key');
    expect(lineOfError('')).toEqual([1, 'expected a value, got the end of the file']);
    expect(lineOfError('/* never ends {}')).toEqual([1, 'expected a value, got /']);
    expect(lineOfError('['.repeat(100))[1]).toContain('more than 32 deep');
  });
});
