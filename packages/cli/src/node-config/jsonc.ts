/**
 * Reads JSON with comments: what RFC 8259 says, and besides it `//` and block comments and a comma after the last member.
 * Unlike `JSON.parse` it knows on which line each value stands, and refuses a key that comes twice.
 */

export type JsonScalar = string | number | boolean | null;

export type JsonNode = { readonly line: number } & (
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, JsonNode> }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
  | { readonly kind: 'scalar'; readonly value: JsonScalar }
);

/** What is wrong with a text, and on which line, counted from 1. */
export class JsonTextError extends Error {
  override readonly name = 'JsonTextError';
  readonly line: number;
  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** Deeper than any configuration, and far from the end of the stack. */
const MAX_DEPTH = 32;

const BLANK = /(?:\s|\/\/[^\n]*|\/\*(?:[^*]|\*(?!\/))*\*\/)*/y;
const STRING = /"(?:[^"\\\p{Cc}]|[\u007F-\u009F]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/uy;
const WORD = /[-+.\w]+/y;

/** @throws JsonTextError */
export function parseJsonc(text: string): JsonNode {
  const reader = new Reader(text);
  const node = reader.value(0);
  reader.end();
  return node;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonNode {
    this.#skipBlank();
    const line = this.#line();
    const next = this.#text[this.#at];
    if (depth > MAX_DEPTH) throw new JsonTextError(line, `values stand in each other more than ${MAX_DEPTH} deep`);
    if (next === '{') return { line, kind: 'object', members: this.#members(depth) };
    if (next === '[') return { line, kind: 'array', items: this.#items(depth) };
    return { line, kind: 'scalar', value: next === '"' ? this.#string() : this.#word(line) };
  }

  end(): void {
    this.#skipBlank();
    if (this.#at < this.#text.length) throw this.#unexpected('the end of the file');
  }

  #members(depth: number): Map<string, JsonNode> {
    const members = new Map<string, JsonNode>();
    this.#list('}', () => {
      const line = this.#line();
      if (this.#text[this.#at] !== '"') throw this.#unexpected('a key in double quotes, or }');
      const key = this.#string();
      if (members.has(key)) throw new JsonTextError(line, `"${key}" comes a second time`);
      this.#skipBlank();
      if (this.#text[this.#at] !== ':') throw this.#unexpected(`a colon after "${key}"`);
      this.#at += 1;
      members.set(key, this.value(depth + 1));
    });
    return members;
  }

  #items(depth: number): JsonNode[] {
    const items: JsonNode[] = [];
    this.#list(']', () => items.push(this.value(depth + 1)));
    return items;
  }

  /** Reads from the opening bracket to behind `close`. */
  #list(close: string, readOne: () => void): void {
    this.#at += 1;
    for (;;) {
      this.#skipBlank();
      if (this.#text[this.#at] === close) break;
      readOne();
      this.#skipBlank();
      if (this.#text[this.#at] === close) break;
      if (this.#text[this.#at] !== ',') throw this.#unexpected(`a comma or ${close}`);
      this.#at += 1;
    }
    this.#at += 1;
  }

  #string(): string {
    const text = this.#match(STRING);
    if (text === '')
      throw new JsonTextError(this.#line(), 'a text in double quotes does not end, or has a wrong escape');
    return JSON.parse(text) as string;
  }

  #word(line: number): JsonScalar {
    const word = this.#match(WORD);
    if (word === '') throw this.#unexpected('a value');
    try {
      return JSON.parse(word) as JsonScalar;
    } catch {
      throw new JsonTextError(line, `${word} is no value: texts stand in double quotes`);
    }
  }

  #skipBlank(): void {
    this.#match(BLANK);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #unexpected(expected: string): JsonTextError {
    const came = this.#text[this.#at];
    return new JsonTextError(
      this.#line(),
      `expected ${expected}, got ${came === undefined ? 'the end of the file' : came}`,
    );
  }

  #line(): number {
    let line = 1;
    for (let at = this.#text.indexOf('\n'); at !== -1 && at < this.#at; at = this.#text.indexOf('\n', at + 1))
      line += 1;
    return line;
  }
}
