/**
 * What a development network keeps in its directory, so that it resumes as it was.
 *
 *     D/dev.json              this state: format version, shape, ports
 *     D/network.json          the public description, see ../network.ts
 *     D/keys/*.json           secret keys of ledger, faucet and gateway
 *     D/wallet.json           the wallet that the other commands use, funded from the faucet
 *     D/ledger/               the ledger's database
 *     D/nodes/NAME/node.json  a node's configuration, which `floe node run` reads
 *     D/nodes/NAME/data/      a node's slivers and databases
 *     D/lock, D/control.json  while it runs: who holds it, and how `floe dev kill …` reaches it
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { cliErrors, systemErrorCode } from '../errors.ts';
import { writeSecretFile } from '../wallet.ts';

const FORMAT = 'floe-dev';
const FORMAT_VERSION = 1;

/** Two weeks. */
export const DEFAULT_EPOCH_DURATION_MS = 14 * 24 * 60 * 60 * 1000;

const port = z.int().min(1).max(65_535);

const stateSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(FORMAT_VERSION),
  createdMs: z.int(),
  /** Hex of random bytes that make this network's ledger different from all others. */
  seed: z.string().regex(/^[0-9a-f]{64}$/),
  nShards: z.int(),
  regions: z.int(),
  /** Directories from before it could be chosen do not have it. */
  epochDurationMs: z.int().min(1).default(DEFAULT_EPOCH_DURATION_MS),
  /** Whether its nodes serve TLS; else plain HTTP, which stays on this machine. */
  tls: z.boolean().default(false),
  ports: z.object({ ledger: port, faucet: port, gateway: port, nodes: z.array(port).min(1) }),
});

export type DevState = z.infer<typeof stateSchema>;

/** Paths in the directory of a development network. */
export function devPaths(directory: string) {
  return {
    state: join(directory, 'dev.json'),
    network: join(directory, 'network.json'),
    control: join(directory, 'control.json'),
    wallet: join(directory, 'wallet.json'),
    ledger: join(directory, 'ledger'),
    scratch: join(directory, 'scratch'),
    key: (name: 'ledger' | 'faucet' | 'gateway') => join(directory, 'keys', `${name}.json`),
    node: (name: string) => {
      const home = join(directory, 'nodes', name);
      return { home, config: join(home, 'node.json'), data: join(home, 'data'), log: join(home, 'node.log') };
    },
  } as const;
}

/** `node-00`, `node-01`, …: names sort as numbers up to the largest network. */
export function nodeName(index: number): string {
  return `node-${index.toString().padStart(2, '0')}`;
}

/** The region of a node, dealt out in turn: `region-a`, `region-b`, … */
export function regionOf(index: number, regions: number): string {
  return `region-${String.fromCharCode(97 + (index % regions))}`;
}

/**
 * The state kept in `directory`; undefined when the directory is new.
 *
 * @throws DIRECTORY_FOREIGN when the directory holds something else or another format version.
 */
export async function readState(directory: string): Promise<DevState | undefined> {
  const path = devPaths(directory).state;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw cliErrors.FILE_UNREADABLE({ path, detail: systemErrorCode(error) ?? String(error) }, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw cliErrors.DIRECTORY_FOREIGN({ directory, detail: 'its dev.json is not JSON' }, error);
  }
  const version = z.object({ format: z.literal(FORMAT), version: z.number() }).safeParse(value);
  if (!version.success) throw cliErrors.DIRECTORY_FOREIGN({ directory, detail: 'its dev.json is not of Floe' });
  if (version.data.version !== FORMAT_VERSION) {
    const detail = `its format is version ${version.data.version}, this Floe reads version ${FORMAT_VERSION}`;
    throw cliErrors.DIRECTORY_FOREIGN({ directory, detail });
  }
  const parsed = stateSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const detail = parsed.error.issues.map((issue) => `dev.json ${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw cliErrors.DIRECTORY_FOREIGN({ directory, detail });
}

/** Writes the state whole or not at all. */
export async function writeState(directory: string, state: Omit<DevState, 'format' | 'version'>): Promise<DevState> {
  const whole: DevState = { format: FORMAT, version: FORMAT_VERSION, ...state };
  await mkdir(directory, { recursive: true });
  await writeSecretFile(devPaths(directory).state, `${JSON.stringify(whole, null, 2)}\n`);
  return whole;
}
