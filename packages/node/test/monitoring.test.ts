/** The metrics of a real node, and what is made to be shown of them: docs/METRICS.md, the dashboard, the alerts. */
import { readFile } from 'node:fs/promises';
import { createMetrics } from '@floe/platform/node';
import type { Metrics, MetricSpec } from '@floe/platform';
import { beforeAll, describe, expect, it } from 'vitest';
import { startNode } from './node-harness.ts';

interface Metric {
  readonly name: string;
  readonly kind: string;
  readonly help: string;
  readonly labels: readonly string[];
}

const documents = new URL('../../../docs/', import.meta.url);
const read = (name: string): Promise<string> => readFile(new URL(name, documents), 'utf8');
/** By name. Those of a histogram are its series. */
const metrics = new Map<string, Metric>();
const labelsOf = new Map<string, readonly string[]>();

beforeAll(async () => {
  const all = createMetrics({ process: true });
  const noted = <T>(spec: MetricSpec, made: T): T => {
    labelsOf.set(spec.name, spec.labels ?? []);
    return made;
  };
  const noting: Metrics = {
    counter: (spec) => noted(spec, all.counter(spec)),
    gauge: (spec) => noted(spec, all.gauge(spec)),
    histogram: (spec) => noted(spec, all.histogram(spec)),
  };
  const { node, time } = await startNode({ metrics: noting });
  await time.run(node.observe());
  const text = await all.render();
  for (const [, name = '', help = ''] of text.matchAll(/^# HELP (\S+) (.*)$/gm)) {
    const kind = new RegExp(`^# TYPE ${name} (\\w+)$`, 'm').exec(text)?.[1] ?? 'none';
    metrics.set(name, { name, kind, help, labels: labelsOf.get(name) ?? [] });
  }
  await node.close();
});

/** What a PromQL expression names: its metrics, each with the labels that it selects by, and the labels that it groups by. */
function namesIn(expression: string): { metrics: { name: string; labels: string[] }[]; grouped: string[] } {
  const grouped: string[] = [];
  const bare = expression.replaceAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g, (_, list: string) => {
    grouped.push(...list.split(',').map((label) => label.trim()));
    return ' ';
  });
  const found: { name: string; labels: string[] }[] = [];
  for (const [, name = '', selector = ''] of bare.matchAll(/([a-z_:][\w:]*)\s*(\{[^}]*\}|\()?/gi)) {
    if (selector === '(' || KEYWORDS.has(name)) continue;
    found.push({ name, labels: [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label) });
  }
  return { metrics: found, grouped };
}

const KEYWORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'group_left', 'group_right', 'm', 'h', 'd', 's']);
/** Given by Prometheus itself, and by histograms. */
const COMMON_LABELS = ['instance', 'job', 'le'];

/** What is wrong with an expression; nothing when it is right. */
function problemsOf(expression: string): string[] {
  const problems: string[] = [];
  const count = (sign: string): number => expression.split(sign).length;
  if (count('(') !== count(')')) problems.push('brackets do not match');
  const { metrics: named, grouped } = namesIn(expression);
  if (named.length === 0) problems.push('names no metric');
  const known: string[] = [...COMMON_LABELS];
  for (const { name, labels } of named) {
    const series = metrics.get(name) ?? histogramOf(name);
    if (series === undefined) {
      problems.push(`there is no metric ${name}`);
      continue;
    }
    known.push(...series.labels);
    for (const label of labels) {
      if (![...COMMON_LABELS, ...series.labels].includes(label)) problems.push(`${name} has no label ${label}`);
    }
    const isCounter = series.kind === 'counter' || series.kind === 'histogram';
    const isOfRate = new RegExp(`\\b(?:rate|increase|irate)\\s*\\(\\s*${name}\\b`).test(expression);
    if (isCounter !== isOfRate)
      problems.push(`${name} is a ${series.kind}, and ${isOfRate ? 'a' : 'no'} rate is taken of it`);
  }
  for (const label of grouped) if (!known.includes(label)) problems.push(`groups by ${label}, which nothing in it has`);
  return problems;
}

function histogramOf(name: string): Metric | undefined {
  const metric = metrics.get(name.replace(/_(?:bucket|sum|count)$/, ''));
  return metric?.kind === 'histogram' ? metric : undefined;
}

describe('the check of expressions', () => {
  it('finds what is wrong with them', () => {
    expect(problemsOf('rate(floe_node_requests_total{status="500"}[5m])')).toEqual([]);
    expect(problemsOf('rate(floe_node_request_total[5m])')).toEqual(['there is no metric floe_node_request_total']);
    expect(problemsOf('sum by (shard) (floe_node_requests_active')).toEqual([
      'brackets do not match',
      'groups by shard, which nothing in it has',
    ]);
    expect(problemsOf('floe_node_requests_total{code="1"}')).toEqual([
      'floe_node_requests_total has no label code',
      'floe_node_requests_total is a counter, and no rate is taken of it',
    ]);
    expect(problemsOf('rate(floe_node_requests_active[5m])')).toHaveLength(1);
    expect(problemsOf('1 + 1')).toEqual(['names no metric']);
  });
});

describe('the metrics of a node', () => {
  it('are named after what they count, in which unit', () => {
    for (const { name, kind, help } of metrics.values()) {
      if (/^(?:process|nodejs)_/.test(name)) continue;
      expect(name).toMatch(/^(?:floe_node|walrus)_[a-z_]+$/);
      expect(name.endsWith('_total')).toBe(kind === 'counter');
      if (kind === 'histogram') expect(name).toMatch(/_seconds$/);
      expect(help.length).toBeGreaterThan(10);
    }
  });

  it('say what an operator must know', () => {
    for (const name of [
      'floe_node_requests_total',
      'floe_node_request_seconds',
      'floe_node_request_bytes_total',
      'floe_node_registry_blobs',
      'floe_node_shards',
      'floe_node_healing_waiting',
      'floe_node_recovered_bytes_total',
      'floe_node_scrubbed_bytes_total',
      'floe_node_challenges_total',
      'floe_node_redundancy_incomplete',
      'floe_node_event_lag_checkpoints',
      'floe_node_disk_free_bytes',
      'floe_node_probe_healthy',
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_p99_seconds',
    ]) {
      expect([...metrics.keys()]).toContain(name);
    }
  });

  it('are all listed in docs/METRICS.md, and no others', async () => {
    const rows = [...(await read('METRICS.md')).matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*) \| (.*) \|$/gm)];
    const listed = rows.map(([, name, kind, labels, help]) => ({ name, kind, labels, help }));
    const wanted = [...metrics.values()]
      .filter(({ name }) => !/^(?:process|nodejs)_/.test(name))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ labels, ...metric }) => ({ ...metric, labels: labels.map((label) => `\`${label}\``).join(', ') || '—' }));
    expect(listed).toEqual(wanted);
  });
});

describe('the dashboard', () => {
  it('shows only what there is', async () => {
    interface Panel {
      readonly id: number;
      readonly type: string;
      readonly title: string;
      readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
      readonly targets?: readonly { readonly expr: string }[];
    }
    const { panels } = JSON.parse(await read('monitoring/dashboard.json')) as { panels: Panel[] };
    expect(panels.length).toBeGreaterThan(15);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ gridPos }) => `${gridPos.x} ${gridPos.y}`)).size).toBe(panels.length);
    for (const { title, type, targets = [] } of panels) {
      expect([title, targets.length > 0]).toEqual([title, type !== 'row']);
      for (const { expr } of targets) expect([title, expr, problemsOf(expr)]).toEqual([title, expr, []]);
    }
  });
});

describe('the alerts', () => {
  it('watch only what there is, and say what is the matter', async () => {
    interface Rule {
      readonly alert: string;
      readonly expr: string;
      readonly for: string;
      readonly labels: { readonly severity: string };
      readonly annotations: { readonly summary: string };
    }
    const { groups } = JSON.parse(await read('monitoring/alerts.json')) as { groups: { rules: Rule[] }[] };
    const rules = groups.flatMap((group) => group.rules);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const rule of rules) {
      expect([rule.alert, rule.expr, problemsOf(rule.expr)]).toEqual([rule.alert, rule.expr, []]);
      expect(rule.for).toMatch(/^\d+[mhd]$/);
      expect(['warning', 'critical']).toContain(rule.labels.severity);
      expect(rule.annotations.summary.length).toBeGreaterThan(20);
    }
  });
});
