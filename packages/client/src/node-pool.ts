/** The storage nodes the client knows: one connection per node, address and key, one {@link NodeClient} per committee seat. */
import { type Clock, type HttpTransport, type Logger, silentLogger, toHex } from '@floe/platform';
import type { CommitteeMember } from '@floe/protocol';
import type { ClientLimits } from './limits.ts';
import { NodeClient } from './node-client.ts';
import { NodeConnection } from './node-connection.ts';
import { NodeHealth } from './node-health.ts';

export class NodePool {
  readonly #options: { scheme: 'http' | 'https'; limits: ClientLimits };
  readonly #modules: {
    transport: HttpTransport;
    clock: Clock;
    health: NodeHealth;
    logger: Logger;
    limits: ClientLimits;
  };
  /** In order of last use. */
  readonly #connections = new Map<string, NodeConnection>();
  readonly #clients = new WeakMap<CommitteeMember, NodeClient>();

  constructor(
    options: { scheme: 'http' | 'https'; limits: ClientLimits },
    modules: { transport: HttpTransport; clock: Clock; logger?: Logger },
  ) {
    this.#options = options;
    const { limits } = options;
    const health = new NodeHealth(limits, modules);
    this.#modules = { ...modules, limits, health, logger: modules.logger ?? silentLogger };
  }

  /** The client of a committee's member. */
  readonly clientOf = (member: CommitteeMember): NodeClient => {
    let client = this.#clients.get(member);
    if (client === undefined) {
      client = new NodeClient(member, this.#connection(member));
      this.#clients.set(member, client);
    }
    return client;
  };

  #connection({ nodeId, name, networkAddress, networkPublicKey: serverKey }: CommitteeMember): NodeConnection {
    const key = `${nodeId} ${networkAddress} ${toHex(serverKey)}`;
    const baseUrl = `${this.#options.scheme}://${networkAddress}`;
    const connection =
      this.#connections.get(key) ?? new NodeConnection({ nodeId, name, baseUrl, serverKey }, this.#modules);
    this.#connections.delete(key);
    this.#connections.set(key, connection);
    for (const oldest of this.#connections.keys()) {
      if (this.#connections.size <= this.#options.limits.maxRememberedNodes) break;
      this.#connections.delete(oldest);
    }
    return connection;
  }
}
