import { describe, expect, it } from 'vitest';
import { type NodeHealth, parseNodeCapabilities, parseNodeHealth } from '../../src/node-api/health.ts';

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
