import { describe, expect, it } from 'vitest';
import { createLogger } from '../../src/node/logger.ts';

function capture(pretty: boolean, level: 'debug' | 'info' = 'info') {
  const lines: string[] = [];
  return { lines, logger: createLogger({ level, pretty, destination: { write: (line) => lines.push(line) } }) };
}

describe('the logger', () => {
  it('writes one JSON object per line, with the fields of its parents', () => {
    const { lines, logger } = capture(false);
    logger.child({ node: 'n1' }).info('stored', { blobId: 'abc', cost: 5n });
    expect(JSON.parse(lines[0] as string)).toMatchObject({
      level: 30,
      msg: 'stored',
      node: 'n1',
      blobId: 'abc',
      cost: '5',
    });
    expect(lines[0]?.endsWith('\n')).toBe(true);
  });

  it('drops lines below its level', () => {
    const { lines, logger } = capture(false);
    logger.debug('quiet');
    logger.warn('loud');
    expect(lines.length).toBe(1);
  });

  it('tells an error with its cause', () => {
    const { lines, logger } = capture(false);
    logger.error('failed', { error: new Error('outer', { cause: new Error('inner') }) });
    const { error } = JSON.parse(lines[0] as string) as { error: { message: string; stack: string; cause: unknown } };
    expect(error.message).toBe('outer');
    expect(JSON.stringify(error.cause)).toContain('inner');
  });

  it('writes for people when asked', () => {
    const { lines, logger } = capture(true);
    logger.warn('slow', { ms: 12, path: '/a b', plain: 'x' });
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}slow ms=12 path="\/a b" plain=x\n$/);
  });
});
