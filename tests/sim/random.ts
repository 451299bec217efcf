/** Ids that follow from the seed. */
export const randomFrom =
  (random: () => number): (() => string) =>
  () =>
    `${Math.floor(random() * 2 ** 48).toString(36)}${Math.floor(random() * 2 ** 48).toString(36)}`;
