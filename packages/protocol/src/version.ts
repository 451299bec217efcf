/** Versions of the protocol this code speaks, newest last. */
export const PROTOCOL_VERSIONS = [1] as const;
export type ProtocolVersion = (typeof PROTOCOL_VERSIONS)[number];

/** The newest version that both sides speak, or undefined. */
export const negotiate = (theirs: readonly number[], ours: readonly number[] = PROTOCOL_VERSIONS): number | undefined =>
  ours.filter((version) => theirs.includes(version)).toSorted((a, b) => b - a)[0];
