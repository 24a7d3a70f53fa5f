/** How `floe dev kill NODE` in one terminal reaches the `floe dev` in another. */
import type { HttpHandler } from '@floe/platform';
import { cliErrors } from '../errors.ts';
import { CONTROL_TIMEOUT_MS } from '../limits.ts';
import { callLocally, errorAnswer, serveLocally } from '../local-service.ts';
import { isNodeAction, type NodeAction } from './node-actions.ts';
import { devPaths } from './state.ts';

/** Serves actions until closed; `act` does them. */
export function serveControl(
  directory: string,
  act: (action: NodeAction, node: string) => Promise<void>,
): Promise<{ close(): Promise<void> }> {
  const handler: HttpHandler = async (request) => {
    const [, action, node] = new URL(request.url).pathname.split('/');
    if (request.method !== 'POST' || !isNodeAction(action) || node === undefined) {
      return new Response(null, { status: 404 });
    }
    try {
      await act(action, decodeURIComponent(node));
      return Response.json({});
    } catch (error) {
      return errorAnswer(error);
    }
  };
  return serveLocally(devPaths(directory).control, handler);
}

/** Asks the `floe dev` on `directory` to act. @throws DEV_NOT_RUNNING, NODE_NOT_READY, or what it answered */
export async function callControl(directory: string, action: NodeAction, node: string): Promise<void> {
  const signal = AbortSignal.timeout(CONTROL_TIMEOUT_MS);
  try {
    const target = `/${action}/${encodeURIComponent(node)}`;
    const answer = await callLocally(devPaths(directory).control, { method: 'POST', target, signal });
    if (answer === undefined) throw cliErrors.DEV_NOT_RUNNING({ directory });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw cliErrors.NODE_NOT_READY({ node, detail: `no answer in ${CONTROL_TIMEOUT_MS} ms` }, error);
  }
}
