/**
 * Field masks (`read_mask`) by reflection on protobuf message types.
 *
 * A path names fields in snake case, joined by dots, and goes through repeated fields (`effects.changed_objects.owner`);
 * a path to a message selects all of it; `*` selects everything. A path that names no field is refused, so that a typing
 * error does not look like missing data. Timestamps and JSON values are leaves.
 */
import { rpcErrors } from './errors.ts';
import { rpcLimits } from './limits.ts';

/** What masks need of a message type. Fields are read loosely: the SDK types its reflection data in another package. */
export interface MessageReflection {
  readonly typeName: string;
  readonly fields: readonly unknown[];
}

interface FieldReflection {
  readonly name: string;
  readonly localName: string;
  readonly kind: 'scalar' | 'enum' | 'message' | 'map';
  readonly T?: () => unknown;
  /** 0: not repeated. */
  readonly repeat?: number;
  /** Local name of the oneof that the field is a member of. */
  readonly oneof?: string;
}

/** A parsed mask: either everything below this point, or some fields by their snake-case names. */
export interface FieldMask {
  readonly all: boolean;
  readonly fields: ReadonlyMap<string, FieldMask>;
}

interface MutableMask extends FieldMask {
  all: boolean;
  readonly fields: Map<string, MutableMask>;
}

/** Selects every field. */
export const fullMask: FieldMask = { all: true, fields: new Map() };

/**
 * Parses a request's mask for messages of type `type`; an absent or empty mask means `defaults`.
 * @throws RPC_INVALID_MASK, RPC_INVALID_FIELD
 */
export function parseFieldMask(
  type: MessageReflection,
  mask: { readonly paths: readonly string[] } | undefined,
  defaults: readonly string[],
): FieldMask {
  const paths = mask === undefined || mask.paths.length === 0 ? defaults : mask.paths;
  if (paths.length > rpcLimits.maskPaths) {
    throw rpcErrors.RPC_INVALID_FIELD({
      field: 'read_mask',
      reason: `${paths.length} paths, at most ${rpcLimits.maskPaths} are allowed`,
    });
  }
  const root: MutableMask = { all: false, fields: new Map() };
  for (const path of paths) addPath(root, type, path);
  return root;
}

/** Whether anything at or below `path` is selected. */
export function selects(mask: FieldMask, ...path: readonly string[]): boolean {
  let node: FieldMask | undefined = mask;
  for (const name of path) {
    if (node.all) return true;
    node = node.fields.get(name);
    if (node === undefined) return false;
  }
  return true;
}

/** The mask of a field's own message; selects nothing when the field is not selected. */
export function maskOf(mask: FieldMask, name: string): FieldMask {
  return mask.all ? mask : (mask.fields.get(name) ?? { all: false, fields: new Map() });
}

/** A copy of `message` with the selected fields only; the others are absent, as if never set. */
export function applyFieldMask<Message extends object>(
  type: MessageReflection,
  message: Message,
  mask: FieldMask,
): Message {
  if (mask.all) return message;
  const source = message as Readonly<Record<string, unknown>>;
  const result: Record<string, unknown> = {};
  for (const field of fieldsOf(type)) {
    if (field.oneof !== undefined) result[field.oneof] ??= { oneofKind: undefined };
    else if (field.kind === 'map') result[field.localName] = {};
    else if (isRepeated(field)) result[field.localName] = [];
    const child = mask.fields.get(field.name);
    if (child !== undefined) copyField(field, child, source, result);
  }
  return result as Message;
}

function copyField(
  field: FieldReflection,
  mask: FieldMask,
  source: Readonly<Record<string, unknown>>,
  result: Record<string, unknown>,
): void {
  if (field.oneof === undefined) {
    result[field.localName] = pruned(field, source[field.localName], mask);
    return;
  }
  const group = source[field.oneof] as { readonly oneofKind?: string; readonly [name: string]: unknown } | undefined;
  if (group?.oneofKind !== field.localName) return;
  const value = pruned(field, group[field.localName], mask);
  result[field.oneof] = { oneofKind: field.localName, [field.localName]: value };
}

function pruned(field: FieldReflection, value: unknown, mask: FieldMask): unknown {
  const type = messageTypeOf(field);
  if (mask.all || type === undefined || value === undefined) return value;
  if (!isRepeated(field)) return applyFieldMask(type, value as object, mask);
  return (value as readonly object[]).map((item) => applyFieldMask(type, item, mask));
}

function addPath(root: MutableMask, type: MessageReflection, path: string): void {
  if (path.length > rpcLimits.maskPathBytes) {
    throw rpcErrors.RPC_INVALID_MASK({ path: `${path.slice(0, 64)}...`, message: type.typeName });
  }
  let node = root;
  let current: MessageReflection | undefined = type;
  const names = path.split('.');
  for (const [position, name] of names.entries()) {
    if (name === '*' && current !== undefined && position === names.length - 1) break;
    const field: FieldReflection | undefined =
      current === undefined
        ? undefined
        : fieldsOf(current).find((item) => item.name === name || item.localName === name);
    if (field === undefined) {
      throw rpcErrors.RPC_INVALID_MASK({ path, message: current?.typeName ?? 'a field without parts' });
    }
    const next: MutableMask = node.fields.get(field.name) ?? { all: false, fields: new Map() };
    node.fields.set(field.name, next);
    node = next;
    current = messageTypeOf(field);
  }
  node.all = true;
}

function fieldsOf(type: MessageReflection): readonly FieldReflection[] {
  return type.fields as readonly FieldReflection[];
}

function isRepeated(field: FieldReflection): boolean {
  return field.repeat !== undefined && field.repeat !== 0;
}

/** The type that paths can go on into; well-known types are leaves. */
function messageTypeOf(field: FieldReflection): MessageReflection | undefined {
  if (field.kind !== 'message') return undefined;
  const type = field.T?.() as MessageReflection | undefined;
  return type === undefined || type.typeName.startsWith('google.') ? undefined : type;
}
