/** Which seqs of a conversation are held here: runs `[first, last]`, in order, apart from each other by at least one. */
export type Range = readonly [first: number, last: number];
export type Ranges = readonly Range[];

/** The ranges with one more run; what touches is merged. */
export const withRange = (ranges: Ranges, [first, last]: Range): Ranges => {
  if (first > last) return ranges;
  const apart = ranges.filter((range) => range[1] < first - 1 || range[0] > last + 1);
  const touching = ranges.filter((range) => !apart.includes(range));
  const merged: Range = [
    Math.min(first, ...touching.map((range) => range[0])),
    Math.max(last, ...touching.map((range) => range[1])),
  ];
  return [...apart, merged].toSorted((a, b) => a[0] - b[0]);
};

/** The ranges from `first` on; what lies below is cut off. */
export const fromSeq = (ranges: Ranges, first: number): Ranges =>
  ranges.filter((range) => range[1] >= first).map((range): Range => [Math.max(first, range[0]), range[1]]);

/** The run that holds `seq`. */
export const rangeAt = (ranges: Ranges, seq: number): Range | undefined =>
  ranges.find((range) => range[0] <= seq && seq <= range[1]);
