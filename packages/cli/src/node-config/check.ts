/**
 * Checks a configuration against the table of settings. Everything that is wrong is found at once: unknown keys with the
 * nearest that there is, and for each value the key, what was expected and what came.
 */
import { JsonTextError, parseJsonc, type JsonNode } from './jsonc.ts';
import {
  sectionOf,
  SETTING_KEYS,
  settingOf,
  variableOf,
  type RawSettings,
  type SettingKey,
  type SettingValues,
} from './settings.ts';
import type { RawValue } from './values.ts';

/** Something that is wrong, in words. */
export type Problem = string;

interface Given {
  readonly raw: unknown;
  /** Where it stands: `line 7`, or the name of a variable or flag. */
  readonly place: string;
}

export interface Sources {
  /** Contents of the file. */
  readonly text: string;
  /** Variables named `FLOE_NODE_…` override the file. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `key=value` of `--set`; they override the environment. */
  readonly set?: readonly string[];
}

export type Checked =
  | { readonly values: SettingValues; readonly raw: RawSettings; readonly problems?: undefined }
  | { readonly problems: readonly Problem[] };

/** Names the file itself, which is not among the settings. */
export const CONFIG_VARIABLE = 'FLOE_NODE_CONFIG';

const VARIABLE_PREFIX = 'FLOE_NODE_';

export function checkConfig({ text, env = {}, set = [] }: Sources): Checked {
  const problems: Problem[] = [];
  const given = new Map<string, Given>();
  try {
    const root = parseJsonc(text);
    if (root.kind === 'object') flatten(root, '', given, problems);
    else problems.push(`line ${root.line}: expected an object in braces`);
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    return { problems: [`line ${error.line}: ${error.message}`] };
  }
  for (const [key, { place }] of given)
    if (!isKey(key)) problems.push(`${place}: there is no setting ${key}${hint(key)}`);
  const raw: RawSettings = {};
  for (const key of SETTING_KEYS) {
    const value = given.get(key)?.raw;
    if (isRaw(value)) raw[key] = value;
  }
  override(given, env, set, problems);
  const values = Object.fromEntries(SETTING_KEYS.map((key) => [key, valueOf(key, given.get(key), problems)]));
  return problems.length > 0 ? { problems } : { values: values as SettingValues, raw };
}

function flatten(node: JsonNode, path: string, given: Map<string, Given>, problems: Problem[]): void {
  if (node.kind !== 'object') {
    given.set(path, { raw: node.kind === 'scalar' ? node.value : [], place: `line ${node.line}` });
    return;
  }
  if (isKey(path)) {
    problems.push(`line ${node.line}: ${path}: expected ${settingOf(path).kind.expected}, got an object`);
    return;
  }
  if (path !== '' && !SETTING_KEYS.some((key) => key.startsWith(`${path}.`))) {
    problems.push(`line ${node.line}: there is no section ${path}${hint(path)}`);
    return;
  }
  for (const [key, below] of node.members) flatten(below, path === '' ? key : `${path}.${key}`, given, problems);
}

/** Environment, then flags. */
function override(
  given: Map<string, Given>,
  env: Readonly<Record<string, string | undefined>>,
  set: readonly string[],
  problems: Problem[],
): void {
  const keyOf = new Map(SETTING_KEYS.map((key) => [variableOf(key), key]));
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith(VARIABLE_PREFIX) || variable === CONFIG_VARIABLE || text === undefined) continue;
    const key = keyOf.get(variable);
    if (key === undefined) {
      const [near] = nearest(variable, [...keyOf.keys()]);
      problems.push(`environment: there is no setting ${variable}${meant(near)}`);
    } else given.set(key, { raw: fromText(key, text), place: variable });
  }
  for (const assignment of set) {
    const at = assignment.indexOf('=');
    const key = at === -1 ? assignment : assignment.slice(0, at);
    if (at === -1) problems.push(`--set: expected KEY=VALUE, got "${assignment}"`);
    else if (!isKey(key)) problems.push(`--set: there is no setting ${key}${hint(key)}`);
    else given.set(key, { raw: fromText(key, assignment.slice(at + 1)), place: '--set' });
  }
}

function fromText(key: SettingKey, text: string): RawValue {
  return settingOf(key).kind.fromText?.(text) ?? text;
}

function valueOf(key: SettingKey, given: Given | undefined, problems: Problem[]): unknown {
  const { kind, required, fallback } = settingOf(key);
  if (given === undefined && required) problems.push(`${key} is missing: expected ${kind.expected}`);
  const raw = given === undefined ? fallback : given.raw;
  if (raw === undefined) return undefined;
  const value = kind.read(raw);
  if (value === undefined) problems.push(`${given?.place}: ${key}: expected ${kind.expected}, got ${shown(raw)}`);
  return value;
}

function shown(raw: unknown): string {
  const text = Array.isArray(raw) ? 'a list' : JSON.stringify(raw);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function isKey(key: string): key is SettingKey {
  return (SETTING_KEYS as readonly string[]).includes(key);
}

function isRaw(value: unknown): value is RawValue {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

function hint(key: string): string {
  const last = key.slice(key.lastIndexOf('.') + 1);
  // In the wrong section, rather than misspelt.
  const moved = SETTING_KEYS.find((known) => known.endsWith(`.${last}`) || known === last);
  return meant(moved ?? nearest(key, [...SETTING_KEYS, ...new Set(SETTING_KEYS.map(sectionOf))])[0]);
}

function meant(near: string | undefined): string {
  return near === undefined ? '' : `; did you mean ${near}?`;
}

/** Those that differ least, if that is not much. */
function nearest(name: string, known: readonly string[]): string[] {
  const ranked = known
    .map((each) => ({ each, steps: editSteps(name.toLowerCase(), each.toLowerCase()) }))
    .filter(({ each, steps }) => steps <= Math.max(2, Math.floor(Math.max(each.length, name.length) / 3)))
    .toSorted((a, b) => a.steps - b.steps);
  return ranked.map(({ each }) => each);
}

/** Letters to insert, delete or replace to come from one word to the other (Levenshtein). */
function editSteps(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let index = 0; index < from.length; index += 1) {
    const next = [index + 1];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (row[column - 1] as number) + (from[index] === to[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] as number) + 1, (next[column - 1] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}
