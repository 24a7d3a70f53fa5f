/** `floe dev kill|pause|resume|wipe|restore NODE`. */
import { resolve } from 'node:path';
import { callControl } from '../dev/control.ts';
import { isNodeAction } from '../dev/node-actions.ts';
import { cliErrors } from '../errors.ts';
import type { Output } from '../output.ts';

const DONE = { kill: 'killed', pause: 'paused', resume: 'resumed', wipe: 'wiped', restore: 'restored' } as const;

export async function runNodeAction(action: string, node: string, dir: string, output: Output): Promise<void> {
  if (!isNodeAction(action)) throw cliErrors.USAGE({ detail: `there is no action "${action}"` });
  await callControl(resolve(dir), action, node);
  output.line(`${node} ${DONE[action]}`);
  output.result({ node, action });
}
