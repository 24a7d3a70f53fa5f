/** The ports of a development network: one block from a base, or free ones. */
import { createServer } from 'node:net';
import { FloeError } from '@floe/platform';
import { systemRng } from '@floe/platform/node';
import { systemErrorCode } from '../errors.ts';
import type { DevState } from './state.ts';

export const DEV_HOST = '127.0.0.1';

/** Base: ledger. +1: faucet. +15: gateway, at the default base 31415, the usual aggregator port. +20 and up: nodes. */
export async function choosePorts(basePort: number, nodeCount: number): Promise<DevState['ports']> {
  if (basePort === 0) {
    const [ledger, faucet, gateway, ...nodes] = await freePorts(3 + nodeCount);
    return { ledger: ledger as number, faucet: faucet as number, gateway: gateway as number, nodes };
  }
  return {
    ledger: basePort,
    faucet: basePort + 1,
    gateway: basePort + 15,
    nodes: Array.from({ length: nodeCount }, (_, index) => basePort + 20 + index),
  };
}

/** Ports that nobody else can take until they are let go. */
export interface HeldPorts {
  /** Right before somebody listens there. */
  release(port: number): Promise<void>;
  releaseAll(): Promise<void>;
}

/**
 * Takes every port, so that a network does not stop half way up: what listens on one later releases it then.
 *
 * @param otherwise - what can be done besides stopping the other program
 * @throws PORT_IN_USE
 */
export async function holdPorts(ports: DevState['ports'], otherwise: string): Promise<HeldPorts> {
  const all = [ports.ledger, ports.faucet, ports.gateway, ...ports.nodes];
  const holders = await Promise.all(all.map((port) => hold(port)));
  const releaseAll = async (): Promise<void> => {
    await Promise.all(holders.map((holder) => holder.release()));
  };
  const refused = holders.find(({ error }) => error !== undefined);
  if (refused?.error !== undefined) {
    await releaseAll();
    throw portError(refused.port, refused.error, otherwise);
  }
  return {
    release: async (port) => holders.find((holder) => holder.port === port)?.release(),
    releaseAll,
  };
}

/**
 * Where free ports are looked for: below those that systems lend to outgoing connections (32768 and up on Linux, 49152
 * elsewhere), one of which could otherwise get a port between now and when its node listens, or while its node is down.
 */
const FREE_PORTS = { from: 10_000, to: 32_000 };
/** Ports that may turn out to be taken before it is given up. */
const MOST_TAKEN = 1000;

/** Holds all of them at once, so that no port comes twice. */
async function freePorts(count: number): Promise<number[]> {
  const held = new Map<number, Holder>();
  try {
    for (let taken = 0; held.size < count;) {
      const port = FREE_PORTS.from + systemRng.below(FREE_PORTS.to - FREE_PORTS.from);
      if (held.has(port)) continue;
      const holder = await hold(port);
      if (holder.error === undefined) held.set(port, holder);
      else if ((taken += 1) > MOST_TAKEN) throw holder.error;
    }
    return [...held.keys()];
  } finally {
    await Promise.all([...held.values()].map((holder) => holder.release()));
  }
}

interface Holder {
  readonly port: number;
  readonly error: Error | undefined;
  release(): Promise<void>;
}

function hold(port: number): Promise<Holder> {
  return new Promise((resolve) => {
    // Whoever calls before the right one listens finds nobody.
    const server = createServer((socket) => socket.destroy());
    let released: Promise<void> | undefined;
    server.once('error', (error) => {
      resolve({ port, error, release: () => Promise.resolve() });
    });
    server.listen(port, DEV_HOST, () => {
      const release = () => (released ??= new Promise((done) => server.close(() => done())));
      resolve({ port, error: undefined, release });
    });
  });
}

function portError(port: number, error: Error, otherwise: string): Error {
  if (systemErrorCode(error) !== 'EADDRINUSE') return error;
  return new FloeError({
    code: 'PORT_IN_USE',
    kind: 'conflict',
    message: `${DEV_HOST}:${port} is in use by another program; stop it, or ${otherwise}`,
    data: { host: DEV_HOST, port },
    cause: error,
  });
}
