/** Sizes and times of the embedded store; tests make them small. */
export interface LevelLimits {
  /** LevelDB's write buffer. It keeps at most two of them that are in no table yet. */
  readonly writeBufferBytes: number;
  /** Characters of rows that are kept together in one area (level-places.ts). */
  readonly areaChars: number;
  /** With less free space than this (at least four write buffers, unless it is 0), nothing new is welcome. */
  readonly reserveBytes: number;
  /** Digests are kept this long at least. */
  readonly digestLifeMs: number;
  /** This many characters of the newest batches are looked at when the store is opened; their digests are kept for it. */
  readonly checkedTail: number;
  /** How often old digests go. */
  readonly trimEveryMs: number;
  /** Batches, and characters of parcels, that may wait for their settlement before commands are refused (COM4). */
  readonly maxUnsettled: number;
  readonly maxUnsettledChars: number;
  readonly maxBatchBytes: number;
  /** Commits that may be under way at once. */
  readonly window: number;
}

const MIB = 1024 * 1024;

/** Chosen by measurement where they are about speed: docs/decisions/0002-leveldb-settings.md. */
export const LEVEL_LIMITS: LevelLimits = {
  writeBufferBytes: 32 * MIB,
  areaChars: 8 * MIB,
  reserveBytes: 1024 * MIB,
  digestLifeMs: 7 * 24 * 3600 * 1000,
  checkedTail: 72 * MIB,
  trimEveryMs: 10_000,
  maxUnsettled: 64,
  maxUnsettledChars: 8 * MIB,
  maxBatchBytes: 700_000,
  window: 1,
};
