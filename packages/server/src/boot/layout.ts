/** What the engine of the embedded store has to know of the rows and of the data folder. */
import { INSTALLATION_KEY, KEYS, MAX_NUMBERS_OF_ROW, logRow } from '../core/rows.ts';
import { isLog } from '../data/log-run.ts';

/** Where the engine finds what it has to know of the rows. */
export const LAYOUT = {
  installation: { partition: INSTALLATION_KEY, key: KEYS.installation },
  logRow,
  isLog,
  maxNumbersOfRow: MAX_NUMBERS_OF_ROW,
} as const;
/** Files of the data folder that are not the store's. */
export const ALSO_OURS: readonly string[] = ['secret'];
