/**
 * How `floe dev kill NODE` in one terminal reaches the `floe dev` in another: a small HTTP service on loopback, whose
 * address and token are in the network's directory, so that whoever may read that directory may use it.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, unlink } from 'node:fs/promises';
import { FloeError, isFloeError, type ErrorKind, type HttpHandler } from '@floe/platform';
import { serveHttp } from '@floe/platform/node';
import { cliErrors } from '../errors.ts';
import { CONTROL_TIMEOUT_MS } from '../limits.ts';
import { isNodeAction, type NodeAction } from './node-actions.ts';
import { writeSecretFile } from '../wallet.ts';
import { DEV_HOST } from './ports.ts';
import { devPaths } from './state.ts';

interface ControlFile {
  readonly url: string;
  readonly token: string;
}

/** Serves actions until closed; `act` does them. */
export async function serveControl(
  directory: string,
  act: (action: NodeAction, node: string) => Promise<void>,
): Promise<{ close(): Promise<void> }> {
  const token = randomBytes(32).toString('hex');
  const handler: HttpHandler = async (request) => {
    if (!sameToken(request.headers.get('authorization') ?? '', `Bearer ${token}`)) {
      return new Response(null, { status: 401 });
    }
    const [, action, node] = new URL(request.url).pathname.split('/');
    if (request.method !== 'POST' || !isNodeAction(action) || node === undefined) {
      return new Response(null, { status: 404 });
    }
    try {
      await act(action, decodeURIComponent(node));
      return Response.json({});
    } catch (error) {
      const known = isFloeError(error)
        ? error.toJSON()
        : { code: 'INTERNAL', kind: 'internal', message: String(error) };
      return Response.json(known, { status: 400 });
    }
  };
  const server = await serveHttp(handler, { host: DEV_HOST, port: 0 });
  const path = devPaths(directory).control;
  await writeSecretFile(path, JSON.stringify({ url: server.url, token } satisfies ControlFile));
  return {
    close: async () => {
      await unlink(path).catch(() => undefined);
      await server.close(0);
    },
  };
}

/** Asks the `floe dev` on `directory` to act. @throws DEV_NOT_RUNNING, NODE_NOT_READY, or what it answered */
export async function callControl(directory: string, action: NodeAction, node: string): Promise<void> {
  let response: Response;
  try {
    const { url, token } = JSON.parse(await readFile(devPaths(directory).control, 'utf8')) as ControlFile;
    response = await fetch(`${url}/${action}/${encodeURIComponent(node)}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(CONTROL_TIMEOUT_MS),
    });
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') {
      throw cliErrors.NODE_NOT_READY({ node, detail: `no answer in ${CONTROL_TIMEOUT_MS} ms` }, error);
    }
    throw cliErrors.DEV_NOT_RUNNING({ directory }, error);
  }
  if (response.ok) return;
  if (response.status !== 400) throw cliErrors.DEV_NOT_RUNNING({ directory });
  throw new FloeError((await response.json()) as { code: string; kind: ErrorKind; message: string });
}

function sameToken(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
