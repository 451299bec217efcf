/** Name and help of a metric. Names follow Prometheus: units in them, counters end in `_total`. */
export interface MetricSpec {
  readonly name: string;
  readonly help: string;
}

/** Label values in the order of the metric's label names. */
export type LabelValues = readonly string[];

export interface Counter {
  add(by?: number): void;
}
export interface Histogram {
  observe(value: number): void;
}

/** Counts and measures for operators; reading them is the business of whoever made them. */
export interface Metrics {
  /** A number that only rises. */
  counter(spec: MetricSpec): Counter;
  /** The same by label values: keep the counter where it is used often. Values are bounded sets, never ids or handles. */
  counters(spec: MetricSpec, labels: readonly string[]): (...values: LabelValues) => Counter;
  /** A number read when somebody asks for the metrics. */
  gauge(spec: MetricSpec, read: () => number): void;
  /** A counter kept elsewhere, read when somebody asks for the metrics. */
  counted(spec: MetricSpec, read: () => number): void;
  /** How values are spread over buckets: `bounds` are their upper ends, ascending. */
  histogram(spec: MetricSpec, bounds: readonly number[]): Histogram;
}
