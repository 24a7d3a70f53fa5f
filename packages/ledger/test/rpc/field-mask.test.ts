import { GrpcTypes } from '@mysten/sui/grpc';
import { describe, expect, it } from 'vitest';
import { applyFieldMask, parseFieldMask, selects } from '../../src/rpc/field-mask.ts';
import { rpcLimits } from '../../src/rpc/limits.ts';

const { ExecutedTransaction } = GrpcTypes;
const parse = (...paths: string[]) => parseFieldMask(ExecutedTransaction, { paths }, ['digest']);

const transaction = ExecutedTransaction.create({
  digest: 'd',
  checkpoint: 7n,
  timestamp: { seconds: 1n, nanos: 2 },
  signatures: [{ bcs: { name: 's', value: Uint8Array.of(1) } }],
  effects: {
    version: 2,
    dependencies: ['x'],
    status: {
      success: false,
      error: { description: 'no', errorDetails: { oneofKind: 'abort', abort: { abortCode: 3n } } },
    },
    changedObjects: [
      { objectId: 'a', objectType: 'A', outputDigest: 'q' },
      { objectId: 'b', objectType: 'B' },
    ],
  },
});

describe('field masks', () => {
  it('uses the defaults when absent or empty', () => {
    for (const mask of [undefined, { paths: [] }]) {
      const result = applyFieldMask(
        ExecutedTransaction,
        transaction,
        parseFieldMask(ExecutedTransaction, mask, ['digest']),
      );
      expect(result.digest).toBe('d');
      expect(result.checkpoint).toBeUndefined();
      expect(result.effects).toBeUndefined();
    }
  });

  it('keeps the selected fields only, through repeated messages and into oneofs', () => {
    const mask = parse('checkpoint', 'effects.changed_objects.object_type', 'effects.status.error.abort');
    const result = applyFieldMask(ExecutedTransaction, transaction, mask);
    expect(ExecutedTransaction.toJson(result)).toEqual({
      checkpoint: '7',
      effects: {
        status: { error: { abort: { abortCode: '3' } } },
        changedObjects: [{ objectType: 'A' }, { objectType: 'B' }],
      },
    });
  });

  it('drops a member of a oneof that is not the one set', () => {
    const result = applyFieldMask(ExecutedTransaction, transaction, parse('effects.status.error.size_error'));
    expect(result.effects?.status?.error?.errorDetails).toEqual({ oneofKind: undefined });
  });

  it('takes a whole message when its path or a star is given, in any order with narrower paths', () => {
    for (const paths of [
      ['effects'],
      ['effects.*'],
      ['effects.version', 'effects'],
      ['effects', 'effects.version'],
      ['*'],
    ]) {
      const result = applyFieldMask(ExecutedTransaction, transaction, parse(...paths));
      expect(result.effects).toEqual(transaction.effects);
    }
  });

  it('yields messages that encode', () => {
    const result = applyFieldMask(ExecutedTransaction, transaction, parse('effects.status'));
    const decoded = ExecutedTransaction.fromBinary(ExecutedTransaction.toBinary(result));
    expect(decoded.effects?.status?.error?.description).toBe('no');
    expect(decoded.effects?.changedObjects).toEqual([]);
    expect(decoded.effects?.version).toBeUndefined();
  });

  it('accepts the JSON names of fields too', () => {
    expect(selects(parse('effects.changedObjects'), 'effects', 'changed_objects')).toBe(true);
  });

  it('says what is selected', () => {
    const mask = parse('effects.status', 'events');
    expect(selects(mask, 'effects')).toBe(true);
    expect(selects(mask, 'effects', 'status', 'error')).toBe(true);
    expect(selects(mask, 'effects', 'version')).toBe(false);
    expect(selects(mask, 'transaction')).toBe(false);
  });

  it.each(['nothing', 'effects.nothing', 'digest.x', 'timestamp.seconds', '', 'effects.', '.', '*.x', 'digest.*'])(
    'refuses the path %j',
    (path) => expect(() => parse(path)).toThrow('invalid read_mask path'),
  );

  it('is bounded', () => {
    const paths = Array.from({ length: rpcLimits.maskPaths + 1 }, () => 'digest');
    expect(() => parse(...paths)).toThrow('at most 256');
    expect(() => parse(`digest${'.x'.repeat(1000)}`)).toThrow('invalid read_mask path');
  });
});
