/** Lengths of time as people write them: `30s`, `90 min`, `1h30m`, `14d`. */

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  sec: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
  w: 604_800_000,
};

/** Milliseconds; undefined when `text` is no length of time. A number needs a unit, parts add up. */
export function parseDuration(text: string): number | undefined {
  const part = /\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*/y;
  const source = text.toLowerCase();
  let totalMs = 0;
  do {
    const found = part.exec(source);
    const unitMs = UNITS[found?.[2] ?? ''];
    if (found === null || unitMs === undefined) return undefined;
    totalMs += Number(found[1]) * unitMs;
  } while (part.lastIndex < source.length);
  return Number.isSafeInteger(Math.round(totalMs)) ? Math.round(totalMs) : undefined;
}

/** The same for people: whole units, at most two, such as `1 h 30 min`. */
export function formatDuration(durationMs: number): string {
  const names: [name: string, unitMs: number][] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
    ['ms', 1],
  ];
  const parts: string[] = [];
  let leftMs = durationMs;
  for (const [name, unitMs] of names) {
    const count = Math.floor(leftMs / unitMs);
    leftMs -= count * unitMs;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.slice(0, 2).join(' ') || '0 s';
}
