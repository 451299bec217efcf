/** What a check of the store finds. */

/** Something that is not as it must be. */
export interface Fault {
  /** Store partition of the entity it is about: `c/…`, `u/…`, `n/…`; or a part of the store. */
  readonly entity: string;
  /** A sentence. */
  readonly what: string;
}

interface Tally {
  readonly whole: number;
  readonly damaged: number;
}

export interface FsckReport {
  readonly ok: boolean;
  readonly conversations: Tally;
  readonly users: Tally;
  readonly names: Tally;
  /** Rows that were looked at. */
  readonly messages: number;
  readonly entries: number;
  readonly outboxes: number;
  readonly longTexts: number;
  /** The first faults found, at most 1,000. */
  readonly faults: readonly Fault[];
  /** All faults found. */
  readonly faultCount: number;
}

const MAX_FAULTS = 1_000;

export type Kind = 'conversations' | 'users' | 'names';
type Counted = 'messages' | 'entries' | 'outboxes' | 'longTexts';

/** Gathers what a check finds, in bounded memory. */
export class Findings {
  readonly #faults: Fault[] = [];
  readonly #tallies = {
    conversations: { whole: 0, damaged: 0 },
    users: { whole: 0, damaged: 0 },
    names: { whole: 0, damaged: 0 },
  };
  readonly #counts = { messages: 0, entries: 0, outboxes: 0, longTexts: 0 };
  #faultCount = 0;

  fault(entity: string, what: string): void {
    this.#faultCount += 1;
    if (this.#faults.length < MAX_FAULTS) this.#faults.push({ entity, what });
  }

  count(what: Counted, by = 1): void {
    this.#counts[what] += by;
  }

  counted(what: Counted): number {
    return this.#counts[what];
  }

  /** Runs the check of one entity and counts it as whole if it found no fault. */
  async entity(kind: Kind, entity: string, check: () => Promise<void>): Promise<void> {
    const before = this.#faultCount;
    try {
      await check();
    } catch (cause) {
      this.fault(entity, `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
    this.#tallies[kind][this.#faultCount === before ? 'whole' : 'damaged'] += 1;
  }

  report(): FsckReport {
    const { conversations, users, names } = this.#tallies;
    return {
      ok: this.#faultCount === 0,
      conversations: { ...conversations },
      users: { ...users },
      names: { ...names },
      ...this.#counts,
      faults: [...this.#faults],
      faultCount: this.#faultCount,
    };
  }
}

const tally = (what: string, { whole, damaged }: Tally): string =>
  `${what.padEnd(14)}${String(whole).padStart(10)} whole${damaged === 0 ? '' : `, ${damaged} damaged`}`;

/** The report for people, in lines. */
export const reportLines = (report: FsckReport): readonly string[] => [
  tally('conversations', report.conversations),
  tally('users', report.users),
  tally('names', report.names),
  `${'looked at'.padEnd(14)}${String(report.messages).padStart(10)} messages, ${report.entries} entries, ${report.outboxes} outboxes, ${report.longTexts} long texts`,
  ...(report.ok ? [] : ['']),
  ...report.faults.map(({ entity, what }) => `${entity}: ${what}`),
  ...(report.faultCount > report.faults.length ? [`… and ${report.faultCount - report.faults.length} more`] : []),
  '',
  report.ok
    ? 'Everything is whole.'
    : `${report.faultCount === 1 ? 'One fault was' : `${report.faultCount} faults were`} found.`,
];
