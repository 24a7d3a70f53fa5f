/**
 * The description of a network, `network.json`, and how a command finds it: `--network`, else `FLOE_NETWORK`, else
 * `.floe/network.json` below the current directory.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { isFloeError } from '@floe/platform';
import { parseObjectId, type ObjectId } from '@floe/protocol';
import { DEFAULT_DIRECTORY } from './defaults.ts';
import { cliErrors, fetchFailure, systemErrorCode } from './errors.ts';
import { MAX_NETWORK_FILE_BYTES, NETWORK_FETCH_TIMEOUT_MS } from './limits.ts';

const NETWORK_FILE = 'network.json';

const objectId = z.string().transform((text, context): ObjectId => {
  try {
    return parseObjectId(text);
  } catch {
    context.addIssue({ code: 'custom', message: `"${text}" is not an object id (0x and 64 hex digits)` });
    return z.NEVER;
  }
});

const networkSchema = z.object({
  ledger: z.object({
    url: z.url(),
    systemObjectId: objectId,
    stakingObjectId: objectId,
    packageId: objectId,
    walType: z.string(),
    /** Where votes for upgrades are kept. */
    upgradeManagerObjectId: objectId.optional(),
  }),
  faucet: z.object({ url: z.url() }).optional(),
  gateway: z.object({ aggregatorUrl: z.url(), publisherUrl: z.url() }).optional(),
  nShards: z.int().min(4).max(1000),
  nodes: z.array(z.object({ name: z.string(), nodeId: objectId, url: z.url(), region: z.string() })),
});

/** `network.json`: all that a client needs to know. */
export type NetworkDescription = z.infer<typeof networkSchema>;

export interface FoundNetwork {
  readonly description: NetworkDescription;
  /** Where it was found: a path or a URL. */
  readonly source: string;
  /** The directory of the file, when it came from one. */
  readonly directory: string | undefined;
}

export interface NetworkChoice {
  readonly network?: string | undefined;
}

/**
 * Finds and checks the network description.
 *
 * @throws NETWORK_NOT_FOUND, NETWORK_FILE_INVALID
 */
export async function findNetwork(choice: NetworkChoice, env: NodeJS.ProcessEnv = process.env): Promise<FoundNetwork> {
  const source = namedNetwork(choice, env) ?? join(DEFAULT_DIRECTORY, NETWORK_FILE);
  if (/^https?:\/\//.test(source)) {
    return { description: parseNetwork(await fetchText(source), source), source, directory: undefined };
  }
  const { text, path } = await readNetworkFile(resolve(source));
  return { description: parseNetwork(text, path), source: path, directory: dirname(path) };
}

/** The network for commands that can do without one; only one that nobody named may be absent. */
export async function findNetworkIfAny(
  choice: NetworkChoice,
  env: NodeJS.ProcessEnv = process.env,
): Promise<FoundNetwork | undefined> {
  try {
    return await findNetwork(choice, env);
  } catch (error) {
    if (namedNetwork(choice, env) === undefined && isFloeError(error, 'NETWORK_NOT_FOUND')) return undefined;
    throw error;
  }
}

function namedNetwork(choice: NetworkChoice, env: NodeJS.ProcessEnv): string | undefined {
  const named = choice.network ?? env['FLOE_NETWORK'];
  return named === '' ? undefined : named;
}

/** Reads `path`, or `network.json` in it when it is a directory. */
async function readNetworkFile(path: string): Promise<{ text: string; path: string }> {
  try {
    return { text: await readFile(path, 'utf8'), path };
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'EISDIR') return readNetworkFile(join(path, NETWORK_FILE));
    if (code === 'ENOENT') throw cliErrors.NETWORK_NOT_FOUND({ looked: path }, error);
    throw cliErrors.FILE_UNREADABLE({ path, detail: code ?? String(error) }, error);
  }
}

async function fetchText(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(NETWORK_FETCH_TIMEOUT_MS) });
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    return await boundedText(response);
  } catch (error) {
    throw cliErrors.NETWORK_NOT_FOUND({ looked: `${url} (${fetchFailure(error)})` }, error);
  }
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let sizeBytes = 0;
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_NETWORK_FILE_BYTES) throw new Error(`larger than ${MAX_NETWORK_FILE_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** @throws NETWORK_FILE_INVALID naming each field that is wrong. */
export function parseNetwork(text: string, source: string): NetworkDescription {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw cliErrors.NETWORK_FILE_INVALID({ source, detail: 'not JSON' }, error);
  }
  const parsed = networkSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const detail = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw cliErrors.NETWORK_FILE_INVALID({ source, detail });
}
