/**
 * Pages end after so many characters, whatever was asked for: many may be held at once for those who read slowly.
 */
const PAGE_CHARS = 512 * 1024;

/** How many of these, from the first on, make a page: one at least, if there is one. */
export const countWithin = (items: readonly string[]): number => {
  let chars = 0;
  let count = 0;
  for (const item of items) {
    chars += item.length;
    if (count > 0 && chars > PAGE_CHARS) break;
    count += 1;
  }
  return count;
};
