/** The node of `hold-child.ts` as its parent has it: started, asked, spoken to over HTTP, ended. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { assert, deferred, type HttpBody, type HttpTransport } from '@floe/platform';
import { type NodeRoute, nodeRequest } from '@floe/protocol';
import type { HoldMessage, HoldOptions, HoldQuestion, HoldReport } from './hold-child.ts';

const CHILD = fileURLToPath(new URL('./hold-child.js', import.meta.url));
/** No answer here is larger: a sliver is some 100 KB. */
const MAX_ANSWER_BYTES = 2 ** 24;

export class HeldNode {
  readonly #child: ChildProcess;
  readonly #transport: HttpTransport;
  readonly #questions = new Map<number, ReturnType<typeof deferred<HoldReport>>>();
  readonly #ended: Promise<unknown>;
  #asked = 0;
  #url = '';

  /** Resolves when it listens. */
  static async start(options: HoldOptions, modules: { readonly transport: HttpTransport }): Promise<HeldNode> {
    const node = new HeldNode(options, modules);
    const listening = deferred<void>();
    node.#child.on('message', (message: HoldMessage) => {
      if ('url' in message) {
        node.#url = message.url;
        listening.resolve();
      } else {
        node.#questions.get(message.question)?.resolve(message.report);
        node.#questions.delete(message.question);
      }
    });
    await Promise.race([listening.promise, node.#failed()]);
    return node;
  }

  private constructor(options: HoldOptions, { transport }: { readonly transport: HttpTransport }) {
    this.#transport = transport;
    this.#child = fork(CHILD, [JSON.stringify(options)]);
    this.#ended = once(this.#child, 'exit');
  }

  ask(ask: HoldQuestion): Promise<HoldReport> {
    const question = this.#asked;
    this.#asked += 1;
    const answer = deferred<HoldReport>();
    this.#questions.set(question, answer);
    this.#child.send({ question, ask });
    return Promise.race([answer.promise, this.#failed()]);
  }

  /** Body of the answer, whose status must be what is expected. */
  async request(route: NodeRoute, expected: readonly number[], body?: HttpBody): Promise<Uint8Array> {
    const { method, target } = nodeRequest(route);
    const request = { method, url: `${this.#url}${target}`, ...(body && { body }) };
    const response = await this.#transport.request(request);
    const bytes = await response.bytes(MAX_ANSWER_BYTES);
    const { status } = response;
    assert(expected.includes(status), `${method} ${target} answers as expected`, { status, expected: expected.join() });
    return bytes;
  }

  async close(): Promise<HoldReport> {
    const report = await this.ask({ kind: 'close' });
    await this.#ended;
    return report;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async #failed(): Promise<never> {
    await this.#ended;
    throw new Error('the node in a process of its own ended');
  }
}
