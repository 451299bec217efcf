/** What a run yields: named numbers, and what makes them worthless. */

export interface Figures {
  readonly values: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

/** By scenario, then by system. */
export type Results = Map<string, Map<string, Figures>>;

const median = (numbers: readonly number[]): number => {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

/** Each figure's median over the runs; the faults of all of them. */
export const medians = (runs: readonly Figures[]): Figures => {
  const names = new Set(runs.flatMap((run) => Object.keys(run.values)));
  const values = [...names].map((name) => [name, median(runs.flatMap((run) => run.values[name] ?? []))] as const);
  return { values: Object.fromEntries(values), faults: runs.flatMap((run) => run.faults) };
};

/** Three significant digits are more than a shared machine gives; this keeps files small and free of noise. */
export const rounded = (value: number): number => (Number.isFinite(value) ? Number(value.toPrecision(6)) : 0);
