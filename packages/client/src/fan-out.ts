/**
 * Asks many nodes the same thing until the caller has heard enough, without waiting for those that do not answer.
 *
 * Invariants: each node is asked once; when the caller says `enough` all questions still open are aborted, and a node
 * that had kept silent past its hedge counts as failed; failures are replaced by ever more questions at once, so that
 * a row of dead nodes costs a logarithm of rounds.
 */
import { abortScope, onAbort, pause, type Scheduler } from '@floe/platform';
import type { NodeClient } from './node-client.ts';

/** After a reply: wait for the others, ask one node more, or stop. */
export type Verdict = 'continue' | 'more' | 'enough';

export interface FanOutOptions<Reply> {
  /** In the order they are to be asked. */
  readonly nodes: readonly NodeClient[];
  /** How many are asked at once to begin with. */
  readonly initial: number;
  /** Silence after which one more node is asked. */
  readonly hedgeDelayMs: () => number;
  readonly ask: (node: NodeClient, signal: AbortSignal) => Promise<Reply>;
  readonly onReply: (node: NodeClient, reply: Reply) => Verdict;
  readonly onFailure?: (node: NodeClient, error: unknown) => Verdict;
  /** There is another way to get what is asked for: give up once only silent nodes are left, not at their timeouts. */
  readonly impatient?: boolean;
  readonly scheduler: Scheduler;
  readonly signal: AbortSignal;
}

/** Silent nodes get this many hedge delays more before an impatient caller turns elsewhere. */
const LAST_CHANCE_DELAYS = 3;

/** Resolves to whether the caller had enough; false when all nodes were asked and none is left. */
export async function fanOut<Reply>(options: FanOutOptions<Reply>): Promise<boolean> {
  options.signal.throwIfAborted();
  return new FanOut(options).run();
}

class FanOut<Reply> {
  readonly #options: FanOutOptions<Reply>;
  readonly #scope;
  readonly #open = new Map<NodeClient, { overtaken: boolean }>();
  #next = 0;
  #failures = 0;
  #givingUp = false;
  #settled = false;
  #finish!: (outcome: { enough: boolean } | { error: unknown }) => void;

  constructor(options: FanOutOptions<Reply>) {
    this.#options = options;
    this.#scope = abortScope(options.signal);
  }

  async run(): Promise<boolean> {
    const outcome = await new Promise<{ enough: boolean } | { error: unknown }>((resolve) => {
      this.#finish = (result) => {
        if (this.#settled) return;
        this.#settled = true;
        resolve(result);
      };
      onAbort(this.#scope.signal, (error) => this.#finish({ error }));
      this.#askMore(Math.max(1, this.#options.initial));
    });
    if (!this.#options.signal.aborted) {
      for (const [node, { overtaken }] of this.#open) if (overtaken) node.reportStall();
    }
    this.#scope.end();
    if ('error' in outcome) throw outcome.error;
    return outcome.enough;
  }

  #askMore(count: number): void {
    for (let i = 0; i < count && !this.#settled; i += 1) {
      const node = this.#options.nodes[this.#next];
      if (node === undefined) break;
      this.#next += 1;
      void this.#ask(node);
    }
    if (!this.#settled && this.#open.size === 0) this.#finish({ enough: false });
  }

  async #ask(node: NodeClient): Promise<void> {
    const { ask, onReply, onFailure, signal } = this.#options;
    const state = { overtaken: false };
    this.#open.set(node, state);
    const timer = abortScope(this.#scope.signal);
    this.#hedgeLater(state, timer.signal);
    let verdict: Verdict;
    let failed = false;
    try {
      const reply = await ask(node, this.#scope.signal);
      if (this.#settled) return;
      verdict = onReply(node, reply);
    } catch (error) {
      if (this.#settled || signal.aborted) return;
      failed = true;
      verdict = onFailure?.(node, error) ?? 'continue';
    } finally {
      timer.end();
    }
    if (this.#settled) return;
    this.#open.delete(node);
    if (verdict === 'enough') this.#finish({ enough: true });
    else if (failed) this.#askMore((this.#failures += 1));
    else this.#askMore(verdict === 'more' || this.#open.size === 0 ? 1 : 0);
    this.#giveUpIfSilent();
  }

  /** All were asked, and whoever has not answered should have long ago. */
  #giveUpIfSilent(): void {
    if (this.#options.impatient !== true || this.#givingUp || this.#settled) return;
    if (this.#next < this.#options.nodes.length || [...this.#open.values()].some(({ overtaken }) => !overtaken)) return;
    this.#givingUp = true;
    const delayMs = LAST_CHANCE_DELAYS * this.#options.hedgeDelayMs();
    pause(this.#options.scheduler, delayMs, this.#scope.signal).then(
      () => this.#finish({ enough: false }),
      () => undefined,
    );
  }

  /** After silence, one node more: the open question goes on, but no longer holds others back. */
  #hedgeLater(state: { overtaken: boolean }, signal: AbortSignal): void {
    this.#options.scheduler.sleep(this.#options.hedgeDelayMs(), signal).then(
      () => {
        state.overtaken = true;
        this.#askMore(1);
        this.#giveUpIfSilent();
      },
      () => undefined,
    );
  }
}
