/** Metrics through prom-client, each set with a registry of its own, so that several nodes can share a process. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Metrics, MetricSpec } from '../observe.ts';

export type RenderedMetrics = Metrics & {
  /** The Prometheus text format. */
  render(): Promise<string>;
};

/**
 * Makes a set of metrics. Asking twice for a name gives the same metric.
 * @param options `process`: with those of this process too: memory, CPU, delay of the event loop, garbage collection
 */
export function createMetrics(options: { readonly process?: boolean } = {}): RenderedMetrics {
  const registry = new Registry();
  if (options.process === true) collectDefaultMetrics({ register: registry });
  const base = ({ name, help, labels }: MetricSpec) => ({
    name,
    help,
    labelNames: [...(labels ?? [])],
    registers: [registry],
  });
  const known = <T>(name: string, make: () => T): T => (registry.getSingleMetric(name) as T | undefined) ?? make();
  return {
    counter(spec) {
      const metric = known(spec.name, () => new Counter(base(spec)));
      return { add: (value = 1, labels = {}) => metric.inc(labels, value) };
    },
    gauge(spec) {
      const metric = known(spec.name, () => new Gauge(base(spec)));
      return { set: (value, labels = {}) => metric.set(labels, value) };
    },
    histogram(spec) {
      const metric = known(spec.name, () => new Histogram({ ...base(spec), buckets: [...spec.buckets] }));
      return { observe: (value, labels = {}) => metric.observe(labels, value) };
    },
    render: () => registry.metrics(),
  };
}
