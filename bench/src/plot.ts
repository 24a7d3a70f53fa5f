/** A bar chart as SVG: names at the left, bars on a logarithmic axis, a mark where a target is. */

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly target?: number | undefined;
}

const WIDTH = 960;
const NAMES_WIDTH = 330;
const VALUES_WIDTH = 60;
const ROW_HEIGHT = 20;
const TOP = 64;
const BOTTOM = 40;
const FONT = 'font-family="system-ui, sans-serif" font-size="12"';

/** Values must be above 0; the axis begins at 1 or below the smallest. */
export function barChart(title: string, axis: string, bars: readonly Bar[]): string {
  const values = bars.flatMap(({ value, target }) => [value, target ?? value]);
  const low = Math.floor(Math.log10(Math.min(1, ...values)));
  const high = Math.ceil(Math.log10(Math.max(10, ...values)));
  const scale = (value: number) =>
    NAMES_WIDTH + ((Math.log10(value) - low) / (high - low)) * (WIDTH - NAMES_WIDTH - VALUES_WIDTH);
  const height = TOP + bars.length * ROW_HEIGHT + BOTTOM;
  const end = height - BOTTOM;
  const grid = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)).flatMap((value) => [
    `<line x1="${at(scale(value))}" y1="${TOP - 6}" x2="${at(scale(value))}" y2="${end}" stroke="#d0d7de"/>`,
    `<text x="${at(scale(value))}" y="${end + 16}" text-anchor="middle" fill="#57606a" ${FONT}>${value}</text>`,
  ]);
  const rows = bars.flatMap(({ name, value, target }, i) => {
    const y = TOP + i * ROW_HEIGHT;
    const reached = target === undefined || value >= target;
    const from = scale(10 ** low);
    const barEnd = scale(value);
    return [
      `<text x="${NAMES_WIDTH - 8}" y="${y + 13}" text-anchor="end" fill="#24292f" ${FONT}>${escaped(name)}</text>`,
      `<rect x="${at(from)}" y="${y + 3}" width="${at(Math.max(1, barEnd - from))}" height="${ROW_HEIGHT - 6}" fill="${reached ? '#2f81f7' : '#d1864a'}"/>`,
      ...(target === undefined
        ? []
        : [
            `<line x1="${at(scale(target))}" y1="${y}" x2="${at(scale(target))}" y2="${y + ROW_HEIGHT}" stroke="#24292f" stroke-width="2"/>`,
          ]),
      `<text x="${at(Math.max(barEnd, scale(target ?? value)) + 6)}" y="${y + 13}" fill="#24292f" ${FONT}>${value.toPrecision(3)}</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="16" y="28" fill="#24292f" font-family="system-ui, sans-serif" font-size="16" font-weight="600">${escaped(title)}</text>`,
    `<text x="${NAMES_WIDTH}" y="48" fill="#57606a" ${FONT}>${escaped(axis)}</text>`,
    ...grid,
    ...rows,
    '</svg>',
    '',
  ].join('\n');
}

function at(coordinate: number): string {
  return coordinate.toFixed(1);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
