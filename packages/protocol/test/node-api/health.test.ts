import { describe, expect, it } from 'vitest';
import {
  type NodeHealth,
  parseChallengeResults,
  parseNodeCapabilities,
  parseNodeHealth,
  parseNodeRedundancy,
} from '../../src/node-api/health.ts';

const health: NodeHealth = {
  uptime: { secs: 5, nanos: 6 },
  epoch: 2,
  publicKey: 'AQID',
  nodeStatus: 'Active',
  eventProgress: { persisted: 7, pending: 0, highestFinishedEventIndex: null },
  shardSummary: { owned: 3, ownedShardStatus: { unknown: 0, ready: 3, inTransfer: 0, inRecovery: 0 }, readOnly: 0 },
};

describe('health', () => {
  it('round-trips', () => {
    expect(parseNodeHealth(JSON.parse(JSON.stringify(health)))).toEqual(health);
  });

  it.each([
    ['nothing', null],
    ['no uptime', { ...health, uptime: undefined }],
    ['an epoch as text', { ...health, epoch: '2' }],
    ['no progress', { ...health, eventProgress: {} }],
    ['no shard status', { ...health, shardSummary: { owned: 3, readOnly: 0 } }],
    ['a key that is a number', { ...health, publicKey: 1 }],
  ])('refuses %s', (_what, json) => {
    expect(() => parseNodeHealth(json)).toThrow('is malformed');
  });
});

describe('capabilities', () => {
  it('name what a node offers', () => {
    const all = { floe: 1, batchedSlivers: { maxReadSlivers: 10, maxUploadSlivers: 20 } } as const;
    expect(parseNodeCapabilities(all)).toEqual(all);
    expect(parseNodeCapabilities({ floe: 1 })).toEqual({ floe: 1 });
    expect(parseNodeCapabilities({ floe: 1, later: { x: 1 } })).toEqual({ floe: 1 });
  });

  it.each([
    [{}],
    [{ floe: 2 }],
    [{ floe: 1, batchedSlivers: true }],
    [{ floe: 1, batchedSlivers: { maxReadSlivers: 0 } }],
  ])('refuse %j', (json) => {
    expect(() => parseNodeCapabilities(json)).toThrow('is malformed');
  });
});

describe('redundancy', () => {
  const all = {
    epoch: 7,
    count: { ageMs: 10, blobs: 3, incomplete: 1, sample: ['A'.repeat(43)] },
    healing: { waiting: 1, active: 0 },
    scrub: { passes: 2, lastEndedMs: 1_700_000_000_000 },
    failingNodes: [`0x${'1'.padStart(64, '0')}`],
  };

  it('is read back, with a count and without', () => {
    const { count: _count, ...uncounted } = all;
    for (const each of [all, uncounted]) expect(parseNodeRedundancy(JSON.parse(JSON.stringify(each)))).toEqual(each);
  });

  it.each([
    ['no healing', { ...all, healing: undefined }],
    ['a negative count', { ...all, count: { ...all.count, incomplete: -1 } }],
    ['a sample that is no list', { ...all, count: { ...all.count, sample: 'x' } }],
    [
      'a sample that is too long',
      { ...all, count: { ...all.count, sample: Array.from({ length: 10_001 }, () => '') } },
    ],
    ['something else', 7],
  ])('with %s is refused', (_what, json) => {
    expect(() => parseNodeRedundancy(json)).toThrow('is malformed');
  });
});

describe('results of challenges', () => {
  const nodeId = `0x${'1'.padStart(64, '0')}`;
  const result = { nodeId, passed: 3, failed: 0, silent: 0xffff_ffff };

  it('are read back', () => {
    const results = { epoch: 7, results: [result] };
    expect(parseChallengeResults(JSON.parse(JSON.stringify(results)))).toEqual(results);
  });

  it.each([
    ['no results', { epoch: 7 }],
    ['too many', { epoch: 7, results: Array.from({ length: 1001 }, () => result) }],
    ['a negative count', { epoch: 7, results: [{ ...result, passed: -1 }] }],
    ['a count that is too large', { epoch: 7, results: [{ ...result, silent: 2 ** 32 }] }],
    ['no epoch', { results: [] }],
    ['something else', 'results'],
  ])('with %s are refused', (_what, json) => {
    expect(() => parseChallengeResults(json)).toThrow('is malformed');
  });

  it('of what is no node are refused', () => {
    const json = { epoch: 7, results: [{ ...result, nodeId: 'node-1' }] };
    expect(() => parseChallengeResults(json)).toThrow();
  });
});
