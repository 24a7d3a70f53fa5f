/**
 * A storage node's configuration file, `node.json`, and its keys. Paths in it are relative to the file. What it may
 * hold is said by the table in node-config/settings.ts.
 */
import { chmod, readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { NodeLimits, NodeParameters } from '@floe/node';
import { fromBase64, fromHex, toBase64 } from '@floe/platform';
import type { ObjectId } from '@floe/protocol';
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { cliErrors, systemErrorCode } from './errors.ts';
import type { LogLevel } from './log-level.ts';
import { CONFIG_VARIABLE, checkConfig, type Sources } from './node-config/check.ts';
import type { RawSettings, SettingValues } from './node-config/settings.ts';
import { bareConfig, commentedConfig, withSetting } from './node-config/write.ts';
import { readWallet, writeSecretFile } from './wallet.ts';

export const NODE_CONFIG_FILE = 'node.json';

/** The checked configuration, with absolute paths. */
export interface NodeSettings {
  readonly path: string;
  readonly name: string;
  readonly region: string;
  /** Undefined before the node is registered. */
  readonly nodeId: ObjectId | undefined;
  /** Host and port where others reach it. */
  readonly address: string | undefined;
  readonly listen: { readonly host: string; readonly port: number };
  readonly ledger: {
    readonly url: string;
    readonly systemObjectId: ObjectId;
    readonly stakingObjectId: ObjectId;
    readonly subsidiesObjectId: ObjectId | undefined;
  };
  readonly blsKeyFile: string;
  /** The key that the node changes to. */
  readonly nextProtocolKeyFile: string | undefined;
  /** The wallet of the account that holds the node's cap; without it the node does nothing on the ledger. */
  readonly operatorKeyFile: string | undefined;
  /** All files with keys that the node may need. */
  readonly keyFiles: readonly string[];
  readonly dataDirectory: string;
  /** The P-256 key of its connections, whose public half the ledger has. */
  readonly networkKeyFile: string;
  /** PEM of an authority, for that key; undefined when the node signs its certificate itself. */
  readonly certificateFile: string | undefined;
  /** Serves without TLS. */
  readonly plainHttp: boolean;
  /** Calls the other nodes without TLS. */
  readonly plainHttpPeers: boolean;
  /** Blobs that the node neither takes nor serves. */
  readonly denyListFile: string | undefined;
  /** What the node votes for and takes; what is left out stays as it is on the ledger. */
  readonly parameters: NodeParameters;
  readonly profile: {
    readonly imageUrl: string | undefined;
    readonly projectUrl: string | undefined;
    readonly description: string | undefined;
  };
  /** Where `GET /metrics` is answered. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  readonly logLevel: LogLevel;
  readonly limits: Partial<NodeLimits>;
}

/** The settings, and the keys that they name. */
export interface NodeConfig extends NodeSettings {
  /** 32 bytes, big-endian. */
  readonly blsSecretKey: Uint8Array;
  readonly nextBlsSecretKey: Uint8Array | undefined;
  readonly operator: Ed25519Keypair | undefined;
  /** 32 bytes; undefined when it serves without TLS. */
  readonly networkSecretKey: Uint8Array | undefined;
}

/** What overrides the file for one run. */
export type ConfigOverrides = Omit<Sources, 'text'>;

/** The file that `--config`, or else the environment, names: a directory stands for the `node.json` in it. */
export async function findNodeConfig(named: string | undefined, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const path = resolve(named ?? env[CONFIG_VARIABLE] ?? NODE_CONFIG_FILE);
  const isDirectory = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isDirectory ? join(path, NODE_CONFIG_FILE) : path;
}

/** Reads and checks a node's configuration. @throws CONFIG_INVALID naming all that is wrong, FILE_UNREADABLE */
export async function readNodeSettings(path: string, overrides: ConfigOverrides = {}): Promise<NodeSettings> {
  const checked = checkConfig({ text: await readText(path), ...overrides });
  if (checked.problems !== undefined) throw cliErrors.CONFIG_INVALID({ path, problems: checked.problems });
  return settingsOf(path, checked.values);
}

/** The same with the keys. @throws CONFIG_INVALID, DIRECTORY_FOREIGN, FILE_UNREADABLE, WALLET_INVALID */
export async function readNodeConfig(path: string, overrides: ConfigOverrides = {}): Promise<NodeConfig> {
  const settings = await readNodeSettings(path, overrides);
  const { blsKeyFile, nextProtocolKeyFile, operatorKeyFile, networkKeyFile, plainHttp } = settings;
  return {
    ...settings,
    blsSecretKey: await readBlsKey(blsKeyFile),
    nextBlsSecretKey: nextProtocolKeyFile === undefined ? undefined : await readBlsKey(nextProtocolKeyFile),
    operator: operatorKeyFile === undefined ? undefined : await readOperator(operatorKeyFile),
    networkSecretKey: plainHttp ? undefined : await readNetworkSecretKey(networkKeyFile),
  };
}

function settingsOf(path: string, values: SettingValues): NodeSettings {
  const base = dirname(path);
  const { nextProtocolKeyFile, operatorKeyFile, denyListFile, plainHttp = false, plainHttpPeers = false } = values;
  const certificateFile = values['tls.certificateFile'];
  if (plainHttp && certificateFile !== undefined) {
    throw cliErrors.CONFIG_INVALID({ path, problems: ['plainHttp and tls.certificateFile exclude each other'] });
  }
  const metricsPort = values['metrics.port'];
  return {
    path,
    name: values.name,
    region: values.region,
    nodeId: values.nodeId,
    address: values.address,
    listen: { host: values['listen.host'], port: values['listen.port'] },
    ledger: {
      url: values['ledger.url'],
      systemObjectId: values['ledger.systemObjectId'],
      stakingObjectId: values['ledger.stakingObjectId'],
      subsidiesObjectId: values['ledger.subsidiesObjectId'],
    },
    blsKeyFile: resolve(base, values.blsKeyFile),
    nextProtocolKeyFile: nextProtocolKeyFile === undefined ? undefined : resolve(base, nextProtocolKeyFile),
    operatorKeyFile: operatorKeyFile === undefined ? undefined : resolve(base, operatorKeyFile),
    keyFiles: [values.blsKeyFile, nextProtocolKeyFile, values.networkKeyFile, operatorKeyFile]
      .filter((file) => file !== undefined)
      .map((file) => resolve(base, file)),
    dataDirectory: resolve(base, values.dataDirectory),
    networkKeyFile: resolve(base, values.networkKeyFile),
    certificateFile: certificateFile === undefined ? undefined : resolve(base, certificateFile),
    plainHttp,
    plainHttpPeers,
    denyListFile: denyListFile === undefined ? undefined : resolve(base, denyListFile),
    parameters: {
      storagePrice: values['parameters.storagePrice'],
      writePrice: values['parameters.writePrice'],
      capacity: values['parameters.capacity'],
      commissionBasisPoints: values['parameters.commissionBasisPoints'],
    },
    profile: {
      imageUrl: values['profile.imageUrl'],
      projectUrl: values['profile.projectUrl'],
      description: values['profile.description'],
    },
    metrics: metricsPort === undefined ? undefined : { host: values['metrics.host'], port: metricsPort },
    logLevel: values['log.level'],
    limits: {
      reserveBytes: values.reserveBytes,
      ...Object.fromEntries(
        Object.entries(values)
          .filter(([key]) => key.startsWith('limits.'))
          .map(([key, value]) => [key.slice('limits.'.length), value]),
      ),
    },
  };
}

async function readOperator(path: string): Promise<Ed25519Keypair> {
  const wallet = await readWallet(path);
  if (wallet === undefined) throw cliErrors.FILE_UNREADABLE({ path, detail: 'ENOENT' });
  return wallet.keypair;
}

/** The settings as they stand in the file; undefined when there is none. @throws CONFIG_INVALID, FILE_UNREADABLE */
export async function readRawSettings(path: string): Promise<RawSettings | undefined> {
  let text: string;
  try {
    text = await readText(path);
  } catch (error) {
    if (error instanceof Error && systemErrorCode(error.cause) === 'ENOENT') return undefined;
    throw error;
  }
  const checked = checkConfig({ text });
  if (checked.problems !== undefined) throw cliErrors.CONFIG_INVALID({ path, problems: checked.problems });
  return checked.raw;
}

type OwnSettings = Omit<RawSettings, 'format' | 'version'>;

const HEADER: RawSettings = { format: 'floe-node', version: 1 };

/** Writes a configuration without comments, whole or not at all. */
export async function writeNodeConfig(path: string, settings: OwnSettings): Promise<void> {
  await writeConfigFile(path, bareConfig({ ...HEADER, ...settings }), { replace: true });
}

/** Writes a configuration that explains itself; a file that is there is kept. Returns whether it was written. */
export function writeCommentedConfig(path: string, settings: OwnSettings): Promise<boolean> {
  return writeConfigFile(path, commentedConfig({ ...HEADER, ...settings }), { replace: false });
}

/** Writes the id that the ledger gave a node into its configuration, and changes nothing else there. */
export async function writeNodeId(path: string, nodeId: ObjectId): Promise<void> {
  await writeConfigFile(path, withSetting(await readText(path), 'nodeId', nodeId), { replace: true });
}

async function writeConfigFile(path: string, text: string, options: { readonly replace: boolean }): Promise<boolean> {
  const written = await writeSecretFile(path, text, options);
  if (written) await chmod(path, 0o644);
  return written;
}

/** Key files hold base64 of a scheme byte (4 for BLS12-381) and the 32 bytes of the key, as Walrus writes them. */
const BLS_SCHEME = 0x04;

/** Without `replace`, a file that is there is kept. Returns whether it was written. */
export function writeBlsKey(path: string, secretKey: Uint8Array, options = { replace: true }): Promise<boolean> {
  return writeSecretFile(path, `${toBase64(Uint8Array.of(BLS_SCHEME, ...secretKey))}\n`, options);
}

export async function readBlsKey(path: string): Promise<Uint8Array> {
  const bytes = fromBase64((await readText(path)).trim());
  if (bytes === undefined || bytes.length !== 33 || bytes[0] !== BLS_SCHEME) {
    throw cliErrors.DIRECTORY_FOREIGN({
      directory: path,
      detail: 'a BLS key file holds base64 of the byte 4 and a 32-byte key',
    });
  }
  return bytes.slice(1);
}

/** Its file holds 64 hexadecimal digits. @throws DIRECTORY_FOREIGN, FILE_UNREADABLE */
export async function readNetworkSecretKey(path: string): Promise<Uint8Array> {
  const bytes = fromHex((await readText(path)).trim());
  if (bytes?.length !== 32) {
    throw cliErrors.DIRECTORY_FOREIGN({ directory: path, detail: 'a network key file holds 32 bytes in hexadecimal' });
  }
  return bytes;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw cliErrors.FILE_UNREADABLE({ path, detail: systemErrorCode(error) ?? String(error) }, error);
  }
}
