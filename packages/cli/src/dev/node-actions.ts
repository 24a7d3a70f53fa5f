/** What can be done to a node of a running network, and what it means. */
export const NODE_ACTIONS = {
  kill: 'end the process of a storage node at once, as a crash would (SIGKILL)',
  pause: 'stop a storage node without ending it: it accepts connections and never answers (SIGSTOP)',
  resume: 'let a paused storage node go on (SIGCONT)',
  wipe: 'kill a storage node and delete what it stored; its keys and configuration stay',
  restore: 'start a killed or wiped storage node again',
} as const;

export type NodeAction = keyof typeof NODE_ACTIONS;

export function isNodeAction(text: string | undefined): text is NodeAction {
  return text !== undefined && Object.hasOwn(NODE_ACTIONS, text);
}
