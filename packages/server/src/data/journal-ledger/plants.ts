/**
 * Faults that can be planted, to prove that tests find them. Each is a few lines at the place it concerns, or in
 * planted-take-over.ts; none is ever set outside tests.
 */
export const LEDGER_PLANTS = {
  'no-expectation': 'COM2: an append goes behind whatever is last instead of behind the position it expects.',
  'append-id-without-claim': 'COM2: the id of an append is partition and stamp alone.',
  'drop-on-refusal': 'COM2: a refused append ends the ownership, though nobody else claimed.',
  'keep-on-refusal': 'COM2: a refused append goes behind what was appended since, whoever did that.',
  'checkpoint-early': 'COM4: the checkpoint passes batches whose parcels were not accepted.',
  'checkpoint-before-rows': 'COM4: the checkpoint passes batches whose rows are not stored.',
  'trust-stale-end': 'COM4: a take-over believes what one read shows of the end of the journal.',
  'redecide-on-replay': 'COM3: a take-over numbers the messages of the batches it reads anew.',
  'store-without-stamps': 'COM3: rows are written without their stamps, so a late write covers a newer row.',
} as const;

export type LedgerPlant = keyof typeof LEDGER_PLANTS;
