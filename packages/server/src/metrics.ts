/** Metrics in Prometheus' text format (version 0.0.4). Counting is an addition; work is done when they are read. */
import type { Counter, Histogram, LabelValues, Metrics, MetricSpec } from './ports/metrics.ts';

export interface MetricsRegistry extends Metrics {
  /** All metrics as text. */
  text(): string;
}

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const NAME = /^[a-z][a-z0-9_]*$/;

const escapeHelp = (help: string): string => help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeLabel = (value: string): string => escapeHelp(value).replaceAll('"', '\\"');
const labelText = (labels: readonly string[], values: LabelValues): string =>
  labels.length === 0 ? '' : `{${labels.map((label, i) => `${label}="${escapeLabel(values[i] ?? '')}"`).join(',')}}`;
const numberText = (value: number): string => (value === Number.POSITIVE_INFINITY ? '+Inf' : String(value));

interface Cell {
  value: number;
}
const counterOf = (cell: Cell): Counter => ({
  add: (by = 1) => {
    cell.value += by;
  },
});

const createHistogram = (
  bounds: readonly number[],
): { readonly histogram: Histogram; readonly lines: (name: string) => readonly string[] } => {
  const counts = new Float64Array(bounds.length + 1);
  let sum = 0;
  return {
    histogram: {
      observe: (value) => {
        let bucket = 0;
        while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket++;
        counts[bucket] = (counts[bucket] ?? 0) + 1;
        sum += value;
      },
    },
    lines: (name) => {
      let total = 0;
      const buckets = Array.from(counts, (count, bucket) => {
        total += count;
        return `${name}_bucket{le="${numberText(bounds[bucket] ?? Number.POSITIVE_INFINITY)}"} ${total}`;
      });
      return [...buckets, `${name}_sum ${sum}`, `${name}_count ${total}`];
    },
  };
};

export const createMetrics = (): MetricsRegistry => {
  const families = new Map<string, { readonly head: string; readonly lines: () => readonly string[] }>();

  const add = (
    { name, help }: MetricSpec,
    type: 'counter' | 'gauge' | 'histogram',
    lines: () => readonly string[],
  ): void => {
    if (!NAME.test(name) || families.has(name)) throw new Error(`metric ${name} has no good name or is there already`);
    families.set(name, { head: `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}`, lines });
  };

  return {
    counter: (spec) => {
      const cell = { value: 0 };
      add(spec, 'counter', () => [`${spec.name} ${cell.value}`]);
      return counterOf(cell);
    },
    counters: (spec, labels) => {
      const cells = new Map<string, Cell>();
      const made = new Map<string, Counter>();
      add(spec, 'counter', () => Array.from(cells, ([text, { value }]) => `${spec.name}${text} ${value}`));
      return (...values) => {
        const text = labelText(labels, values);
        const known = made.get(text);
        if (known !== undefined) return known;
        const cell = { value: 0 };
        const counter = counterOf(cell);
        cells.set(text, cell);
        made.set(text, counter);
        return counter;
      };
    },
    gauge: (spec, read) => add(spec, 'gauge', () => [`${spec.name} ${read()}`]),
    counted: (spec, read) => add(spec, 'counter', () => [`${spec.name} ${read()}`]),
    histogram: (spec, bounds) => {
      const { histogram, lines } = createHistogram(bounds);
      add(spec, 'histogram', () => lines(spec.name));
      return histogram;
    },
    text: () => `${Array.from(families.values(), ({ head, lines }) => [head, ...lines()].join('\n')).join('\n')}\n`,
  };
};
