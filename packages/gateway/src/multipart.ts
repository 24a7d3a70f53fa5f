/** The body of `PUT /v1/quilts`: multipart/form-data, a field for each patch, tags in the field `_metadata`. */
import { gatewayErrors } from './errors.ts';

export interface PatchUpload {
  readonly identifier: string;
  readonly contents: Uint8Array;
  readonly tags: Readonly<Record<string, string>>;
}

const METADATA_FIELD = '_metadata';

/** @param type of {@link formType} @throws MALFORMED_REQUEST */
export async function parseQuiltForm(type: string, body: Uint8Array): Promise<PatchUpload[]> {
  const form = await parseForm(type, body);
  const tags = parseMetadata(form.get(METADATA_FIELD));
  const patches: PatchUpload[] = [];
  const seen = new Set<string>();
  for (const [identifier, value] of form) {
    if (identifier === METADATA_FIELD) continue;
    if (seen.has(identifier)) throw malformed(`two fields are named "${identifier}"`);
    seen.add(identifier);
    const contents = typeof value === 'string' ? new TextEncoder().encode(value) : await bytesOf(value);
    patches.push({ identifier, contents, tags: tags.get(identifier) ?? {} });
  }
  for (const identifier of tags.keys()) {
    if (!seen.has(identifier)) throw malformed(`${METADATA_FIELD} names "${identifier}", which is no field`);
  }
  if (patches.length === 0) throw malformed('the form has no field with the contents of a patch');
  return patches;
}

/** The `Content-Type` of a form, which has its boundary; known before the body comes. @throws MALFORMED_REQUEST */
export function formType(request: Request): string {
  const type = request.headers.get('content-type') ?? '';
  if (!/^multipart\/form-data\s*;/i.test(type)) throw malformed(`expected multipart/form-data, got "${type}"`);
  return type;
}

async function parseForm(type: string, body: Uint8Array): Promise<FormData> {
  try {
    return await new Response(body as Uint8Array<ArrayBuffer>, { headers: { 'content-type': type } }).formData();
  } catch (error) {
    throw gatewayErrors.MALFORMED_REQUEST({ detail: 'the body is not well-formed multipart/form-data' }, error);
  }
}

/** `[{"identifier": "a", "tags": {"k": "v"}}]`; values that are no text are written as JSON. */
function parseMetadata(field: FormDataEntryValue | null): Map<string, Record<string, string>> {
  const tags = new Map<string, Record<string, string>>();
  if (field === null) return tags;
  if (typeof field !== 'string') throw malformed(`${METADATA_FIELD} must be text`);
  for (const entry of parseList(field)) {
    const { identifier, tags: given = {} } = (entry ?? {}) as { identifier?: unknown; tags?: unknown };
    if (typeof identifier !== 'string' || typeof given !== 'object' || given === null || Array.isArray(given)) {
      throw malformed(`every entry of ${METADATA_FIELD} needs a text "identifier" and an object "tags"`);
    }
    if (tags.has(identifier)) throw malformed(`${METADATA_FIELD} has two entries for "${identifier}"`);
    const texts = Object.entries(given).map(([key, value]) => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
    tags.set(identifier, Object.fromEntries(texts) as Record<string, string>);
  }
  return tags;
}

function parseList(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return value;
  } catch {
    // Said below, as for any other value that is no list.
  }
  throw malformed(`${METADATA_FIELD} must be a JSON list`);
}

async function bytesOf(file: Blob): Promise<Uint8Array> {
  return new Uint8Array(await file.arrayBuffer());
}

function malformed(detail: string): Error {
  return gatewayErrors.MALFORMED_REQUEST({ detail });
}
