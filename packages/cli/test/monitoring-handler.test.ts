import { silentLogger } from '@floe/platform';
import { describe, expect, it } from 'vitest';
import { createMonitoringHandler } from '../src/monitoring-handler.ts';

describe('what watches a node', () => {
  const calls: string[] = [];
  let ok = true;
  const handler = createMonitoringHandler({
    node: {
      observe: () => {
        calls.push('observe');
        return ok ? Promise.resolve() : Promise.reject(new Error('the disk'));
      },
      probe: () => Promise.resolve({ ok, tookMs: 1, ageMs: 0, ...(!ok && { problem: 'the disk' }) }),
    },
    metrics: {
      render: () => {
        calls.push('render');
        return Promise.resolve('a 1');
      },
    },
    logger: silentLogger,
  });
  const get = async (path: string, method = 'GET'): Promise<[number, string]> => {
    const response = await handler(new Request(`http://node${path}`, { method }));
    return [response.status, await response.text()];
  };

  it('gets metrics that were brought up to date first, also when that fails in part', async () => {
    expect(await get('/metrics')).toEqual([200, 'a 1']);
    ok = false;
    expect(await get('/metrics')).toEqual([200, 'a 1']);
    expect(calls).toEqual(['observe', 'render', 'observe', 'render']);
  });

  it('hears whether the node stores, and why not', async () => {
    ok = true;
    expect(await get('/ready')).toEqual([200, '{"ok":true,"tookMs":1,"ageMs":0}']);
    ok = false;
    expect(await get('/ready')).toEqual([503, '{"ok":false,"tookMs":1,"ageMs":0,"problem":"the disk"}']);
  });

  it('gets nothing else', async () => {
    expect([await get('/v1/health'), await get('/metrics', 'POST')].map(([status]) => status)).toEqual([404, 405]);
  });
});
