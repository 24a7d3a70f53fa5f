import { readFile } from 'node:fs/promises';
import { NODE_LIMITS } from '@floe/node';
import { describe, expect, it } from 'vitest';
import { CONFIGURATION_DOCUMENT } from '../../../../tools/configuration.mjs';
import { checkConfig, type Sources } from '../../src/node-config/check.ts';
import { configurationDocument } from '../../src/node-config/document.ts';
import {
  sectionOf,
  SECTIONS,
  SETTING_KEYS,
  settingOf,
  type RawSettings,
  variableOf,
} from '../../src/node-config/settings.ts';
import { bareConfig, commentedConfig, withSetting } from '../../src/node-config/write.ts';

const ID = `0x${'a'.repeat(64)}`;
const LEAST: RawSettings = {
  format: 'floe-node',
  version: 1,
  name: 'north',
  'ledger.url': 'http://127.0.0.1:1',
  'ledger.systemObjectId': ID,
  'ledger.stakingObjectId': ID,
};

function problemsOf(settings: RawSettings | string, more: Omit<Sources, 'text'> = {}): readonly string[] {
  return checkConfig({ text: typeof settings === 'string' ? settings : bareConfig(settings), ...more }).problems ?? [];
}

function valuesOf(settings: RawSettings, more: Omit<Sources, 'text'> = {}) {
  const checked = checkConfig({ text: bareConfig(settings), ...more });
  if (checked.problems !== undefined) throw new Error(checked.problems.join('\n'));
  return checked.values;
}

describe('the check of a configuration', () => {
  it('needs little, and gives what is left out the values that the node has without them', () => {
    const values = valuesOf(LEAST);
    expect(values).toMatchObject({ name: 'north', 'listen.port': 9185, dataDirectory: 'data', nodeId: undefined });
    for (const key of SETTING_KEYS) {
      if (sectionOf(key) === 'limits') expect(values[key], key).toBe(NODE_LIMITS[key.slice(7) as never]);
    }
    expect(values.reserveBytes).toBe(NODE_LIMITS.reserveBytes);
  });

  it('understands units, and numbers without them', () => {
    const settings: RawSettings = {
      ...LEAST,
      reserveBytes: 5,
      'parameters.storagePrice': '0.5WAL',
      'parameters.writePrice': '18446744073709551615',
      'parameters.capacity': '1.5TiB',
      'parameters.commissionBasisPoints': '7.5%',
      'limits.scrubPeriodMs': '1d 12h',
      'limits.scrubMinBytesPerSecond': '2MiB/s',
      'limits.scrubMaxBytesPerSecond': 1000,
      'limits.challengeIntervalMs': 250,
    };
    expect(valuesOf(settings)).toMatchObject({
      reserveBytes: 5,
      'parameters.storagePrice': 500_000_000n,
      'parameters.writePrice': 18_446_744_073_709_551_615n,
      'parameters.capacity': 1_649_267_441_664n,
      'parameters.commissionBasisPoints': 750,
      'limits.scrubPeriodMs': 129_600_000,
      'limits.scrubMinBytesPerSecond': 2_097_152,
      'limits.scrubMaxBytesPerSecond': 1000,
      'limits.challengeIntervalMs': 250,
    });
  });

  it('refuses unknown keys with the nearest that there is, all at once and with their lines', () => {
    const text = `{
      "format": "floe-node", "version": 1, "name": "north", "reserveByte": 5,
      "port": 9185,
      "ledgr": { "url": "http://x" },
      "ledger": { "url": "http://127.0.0.1:1", "systemObjectId": "${ID}", "stakingObjectId": "${ID}", "uri": "" },
      "limits": { "healingBlob": 3 },
      "somethingElse": 1
    }`;
    expect(problemsOf(text)).toEqual([
      'line 4: there is no section ledgr; did you mean ledger?',
      'line 2: there is no setting reserveByte; did you mean reserveBytes?',
      'line 3: there is no setting port; did you mean listen.port?',
      'line 5: there is no setting ledger.uri; did you mean ledger.url?',
      'line 6: there is no setting limits.healingBlob; did you mean limits.healingBlobs?',
      'line 7: there is no setting somethingElse',
    ]);
  });

  it('names key, what was expected and what came', () => {
    for (const [key, raw, problem] of [
      ['listen.port', 65_536, 'listen.port: expected a whole number from 0 to 65535, got 65536'],
      ['listen.port', '80', 'listen.port: expected a whole number from 0 to 65535, got "80"'],
      ['ledger.url', 'ftp://x', 'expected an address that begins with http:// or https://, got "ftp://x"'],
      ['nodeId', '0xA', 'nodeId: expected an object id: 0x and 64 lower-case hex digits, got "0xA"'],
      ['address', 'node.example.org', 'address: expected a host name or address and a port'],
      ['address', 'a b:1', 'address: expected'],
      ['reserveBytes', '256MB', 'reserveBytes: expected a size from 0 B to'],
      ['reserveBytes', -1, 'got -1'],
      ['limits.scrubPeriodMs', '7 weeks', 'expected a length of time from 1 s to 365 d'],
      ['limits.scrubMaxBytesPerSecond', '16MiB', 'limits.scrubMaxBytesPerSecond: expected a rate'],
      ['parameters.storagePrice', 5, 'parameters.storagePrice: expected an amount'],
      ['parameters.storagePrice', '5SUI', 'got "5SUI"'],
      ['parameters.commissionBasisPoints', '101%', 'expected a share from "0%" to "100%"'],
      ['log.level', 'loud', 'log.level: expected one of "debug", "info", "warn", "error", got "loud"'],
      ['version', 2, 'version: expected 1, got 2'],
      ['format', 'floe-dev', 'format: expected "floe-node", got "floe-dev"'],
      ['name', 'n'.repeat(101), 'name: expected a name, in 1 to 100 bytes'],
    ] as const) {
      const [first, ...others] = problemsOf({ ...LEAST, [key]: raw });
      expect(first, key).toContain(problem);
      expect(first).toMatch(/^line \d+: /);
      expect(others).toEqual([]);
    }
    expect(problemsOf('{"format": "floe-node", "version": 1, "name": ["a"]}')).toEqual([
      'line 1: name: expected a name, in 1 to 100 bytes, got a list',
      expect.stringContaining('ledger.url is missing: expected'),
      expect.stringContaining('ledger.systemObjectId is missing'),
      expect.stringContaining('ledger.stakingObjectId is missing'),
    ]);
    expect(problemsOf('{"name": {}}')[0]).toBe('line 1: name: expected a name, in 1 to 100 bytes, got an object');
    expect(problemsOf('[]')[0]).toBe('line 1: expected an object in braces');
  });

  it('lets the environment override the file, and --set both', () => {
    const env = { FLOE_NODE_LISTEN_PORT: '7', FLOE_NODE_NAME: 'south', FLOE_NODE_CONFIG: 'x', PATH: '/bin' };
    const values = valuesOf(LEAST, { env, set: ['name=east=1', 'limits.scrubPeriodMs=2d'] });
    expect(values).toMatchObject({ 'listen.port': 7, name: 'east=1', 'limits.scrubPeriodMs': 172_800_000 });
    expect(problemsOf(LEAST, { env: { FLOE_NODE_LISTEN_PROT: '7' }, set: ['nam=x', 'name'] })).toEqual([
      'environment: there is no setting FLOE_NODE_LISTEN_PROT; did you mean FLOE_NODE_LISTEN_PORT?',
      '--set: there is no setting nam; did you mean name?',
      '--set: expected KEY=VALUE, got "name"',
    ]);
    expect(problemsOf(LEAST, { env: { FLOE_NODE_LISTEN_PORT: 'x' } })).toEqual([
      'FLOE_NODE_LISTEN_PORT: listen.port: expected a whole number from 0 to 65535, got "x"',
    ]);
    const variables = SETTING_KEYS.map(variableOf);
    expect(new Set(variables).size).toBe(SETTING_KEYS.length);
    expect(variables).toContain('FLOE_NODE_LIMITS_SCRUB_MAX_BYTES_PER_SECOND');
  });
});

describe('configurations that are written', () => {
  it('explain every setting, read back, and say what holds without them', () => {
    const text = commentedConfig({ ...LEAST, 'listen.port': 5 });
    expect(checkConfig({ text })).toMatchObject({ values: { ...valuesOf(LEAST), 'listen.port': 5 } });
    for (const key of SETTING_KEYS) {
      expect(text, key).toContain(`"${key.slice(key.indexOf('.') + 1)}": `);
      expect(text.replaceAll(/\n *\/\/ /g, ' '), key).toContain(settingOf(key).doc);
    }
    // What is shown commented out is what may stand there.
    const uncommented = text.replaceAll(/^( *)\/\/ ("\w+": .*,)$/gm, '$1$2');
    expect(checkConfig({ text: uncommented }).problems).toBeUndefined();
  });

  it('get the id of the node without losing anything of their author', () => {
    const text = commentedConfig(LEAST);
    const changed = withSetting(text, 'nodeId', ID);
    expect(checkConfig({ text: changed })).toMatchObject({ values: { nodeId: ID } });
    const lineCount = (each: string): number => each.split('\n').length;
    expect(lineCount(changed)).toBe(lineCount(text));
    expect(withSetting(changed, 'nodeId', ID)).toBe(changed);
    const bare = bareConfig(LEAST);
    expect(checkConfig({ text: withSetting(bare, 'nodeId', ID) })).toMatchObject({ values: { nodeId: ID } });
  });
});

describe('the table of settings', () => {
  it('is described in docs/CONFIGURATION.md as it is (else run node tools/configuration.mjs)', async () => {
    expect(await readFile(CONFIGURATION_DOCUMENT, 'utf8')).toBe(configurationDocument());
  });

  it('has words for every setting and section, and a value that it accepts', () => {
    for (const key of SETTING_KEYS) {
      const { doc, fallback, example, kind } = settingOf(key);
      expect(doc, key).toMatch(/\.$/);
      expect(kind.read(fallback ?? example), key).not.toBeUndefined();
    }
    const sections = new Set(SETTING_KEYS.map(sectionOf).filter((section) => section !== ''));
    expect([...sections].toSorted()).toEqual(Object.keys(SECTIONS).toSorted());
  });
});
