import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/node/metrics.ts';

describe('metrics', () => {
  it('renders counters, gauges and histograms with their labels', async () => {
    const metrics = createMetrics();
    metrics.counter({ name: 'floe_test_total', help: 'h', labels: ['axis'] }).add(2, { axis: 'primary' });
    metrics.gauge({ name: 'floe_test_bytes', help: 'h' }).set(7);
    metrics.histogram({ name: 'floe_test_seconds', help: 'h', buckets: [1, 2] }).observe(1.5);
    const text = await metrics.render();
    expect(text).toContain('floe_test_total{axis="primary"} 2');
    expect(text).toContain('floe_test_bytes 7');
    expect(text).toContain('floe_test_seconds_bucket{le="2"} 1');
  });

  it('gives the same metric for the same name, and sets do not mix', async () => {
    const [one, two] = [createMetrics(), createMetrics()];
    one.counter({ name: 'floe_test_total', help: 'h' }).add();
    one.counter({ name: 'floe_test_total', help: 'h' }).add();
    expect(await one.render()).toContain('floe_test_total 2');
    expect(await two.render()).not.toContain('floe_test_total');
  });
});
