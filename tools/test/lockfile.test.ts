import { describe, expect, it } from 'vitest';
import { completed, missingOptionals } from '../lockfile.mjs';

describe('the lockfile', () => {
  const packages = {
    '': { name: 'root' },
    'node_modules/tool': {
      version: '1.0.0',
      dev: true,
      license: 'MIT',
      optionalDependencies: {
        '@tool/binding-linux-x64-gnu': '1.0.0',
        '@tool/binding-linux-arm64-musl': '1.0.0',
        '@tool/darwin-arm64': '1.0.0',
      },
    },
    'node_modules/@tool/binding-linux-x64-gnu': { version: '1.0.0', integrity: 'sha512-x' },
  };

  it('is completed with the platforms that a registry left out', () => {
    expect([...missingOptionals(packages).keys()]).toEqual(['@tool/binding-linux-arm64-musl', '@tool/darwin-arm64']);
    const all = completed(packages);
    expect(missingOptionals(all).size).toBe(0);
    expect(Object.keys(all)).toEqual([
      '',
      'node_modules/@tool/binding-linux-arm64-musl',
      'node_modules/@tool/binding-linux-x64-gnu',
      'node_modules/@tool/darwin-arm64',
      'node_modules/tool',
    ]);
    expect(all['node_modules/@tool/binding-linux-arm64-musl']).toEqual({
      version: '1.0.0',
      cpu: ['arm64'],
      dev: true,
      libc: ['musl'],
      license: 'MIT',
      optional: true,
      os: ['linux'],
    });
    expect(all['node_modules/@tool/binding-linux-x64-gnu']).toEqual({ version: '1.0.0', integrity: 'sha512-x' });
  });

  it('is left alone when it is complete, and an unknown platform is an error', () => {
    expect(completed(completed(packages))).toEqual(completed(packages));
    expect(() => completed({ a: { optionalDependencies: { fsevents: '1.0.0' } } })).toThrow('platform of fsevents');
  });
});
