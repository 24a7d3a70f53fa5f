/**
 * How one command reaches another that runs on the same machine: a small HTTP service on loopback, whose address and
 * token are in a file that only its owner can read. Whoever may read that file may use the service, and nobody else.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, unlink } from 'node:fs/promises';
import { FloeError, isFloeError, type ErrorKind, type HttpHandler } from '@floe/platform';
import { serveHttp } from '@floe/platform/node';
import { writeSecretFile } from './wallet.ts';

interface ServiceFile {
  readonly url: string;
  readonly token: string;
}

const LOOPBACK = '127.0.0.1';

/** Serves until closed, to those that bring the token in the file at `path`; it is deleted at the end. */
export async function serveLocally(path: string, handler: HttpHandler): Promise<{ close(): Promise<void> }> {
  const token = randomBytes(32).toString('hex');
  const guarded: HttpHandler = (request) =>
    sameToken(request.headers.get('authorization') ?? '', `Bearer ${token}`)
      ? handler(request)
      : new Response(null, { status: 401 });
  const server = await serveHttp(guarded, { host: LOOPBACK, port: 0 });
  await writeSecretFile(path, JSON.stringify({ url: server.url, token } satisfies ServiceFile));
  return {
    close: async () => {
      await unlink(path).catch(() => undefined);
      await server.close(0);
    },
  };
}

/**
 * Asks the service whose file is at `path`; undefined when there is none, or it is gone.
 *
 * @throws what the service answered, or the signal's reason
 */
export async function callLocally(
  path: string,
  request: {
    readonly method: 'GET' | 'POST';
    readonly target: string;
    readonly body?: unknown;
    readonly signal: AbortSignal;
  },
): Promise<Response | undefined> {
  const { method, target, body, signal } = request;
  let response: Response;
  try {
    const { url, token } = JSON.parse(await readFile(path, 'utf8')) as ServiceFile;
    response = await fetch(`${url}${target}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Error) return undefined;
    throw error;
  }
  if (response.ok) return response;
  if (response.status !== 400) return undefined;
  throw new FloeError((await response.json()) as { code: string; kind: ErrorKind; message: string });
}

/** An error as an answer that {@link callLocally} throws again. */
export function errorAnswer(error: unknown): Response {
  return Response.json(describeFailure(error), { status: 400 });
}

/** What of an error goes over the wire. */
export function describeFailure(error: unknown): { code: string; kind: ErrorKind; message: string } {
  if (isFloeError(error)) return { code: error.code, kind: error.kind, message: error.message };
  return { code: 'INTERNAL', kind: 'internal', message: error instanceof Error ? error.message : String(error) };
}

function sameToken(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
