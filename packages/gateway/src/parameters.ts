/** Query parameters, parsed once at the door: unknown ones are refused, so that a misspelt one never passes in silence. */
import { gatewayErrors } from './errors.ts';

/** How one parameter's text becomes a value; throws INVALID_PARAMETER. */
export type Parameter<T> = (text: string, name: string) => T;

type Parsed<Shape extends Record<string, Parameter<unknown>>> = {
  [Name in keyof Shape]: ReturnType<Shape[Name]> | undefined;
};

/** @throws UNKNOWN_PARAMETER, INVALID_PARAMETER */
export function parseQuery<Shape extends Record<string, Parameter<unknown>>>(url: URL, shape: Shape): Parsed<Shape> {
  const result: Record<string, unknown> = {};
  for (const [name, text] of url.searchParams) {
    const parameter = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (parameter === undefined) {
      throw gatewayErrors.UNKNOWN_PARAMETER({ parameter: name, known: Object.keys(shape).join(', ') || 'none' });
    }
    result[name] = parameter(text, name);
  }
  return result as Parsed<Shape>;
}

/** `true` or `false`; present without a value means true. */
export const flag: Parameter<boolean> = (text, name) => {
  if (text === '' || text === 'true') return true;
  if (text === 'false') return false;
  throw gatewayErrors.INVALID_PARAMETER({ parameter: name, expected: 'true or false', got: text });
};

/** A whole number in `[min, max]`. */
export function whole(min: number, max: number): Parameter<number> {
  return (text, name) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw gatewayErrors.INVALID_PARAMETER({
      parameter: name,
      expected: `a whole number from ${min} to ${max}`,
      got: text,
    });
  };
}

/** One of the given texts. */
export function oneOf<const Text extends string>(...allowed: readonly Text[]): Parameter<Text> {
  return (text, name) => {
    const found = allowed.find((item) => item === text);
    if (found !== undefined) return found;
    throw gatewayErrors.INVALID_PARAMETER({ parameter: name, expected: allowed.join(' or '), got: text });
  };
}

/** Whatever `parse` accepts. */
export function parsed<T>(parse: (text: string) => T): Parameter<T> {
  return (text) => parse(text);
}

/** @throws INVALID_PARAMETER when the parameter was not given */
export function required<T>(value: T | undefined, parameter: string, expected: string): T {
  if (value === undefined) throw gatewayErrors.INVALID_PARAMETER({ parameter, expected, got: '' });
  return value;
}
