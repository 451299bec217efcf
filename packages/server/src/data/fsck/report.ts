/** What a check of the store finds. */
import { holdsMessages } from '../../core/rows.ts';

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
  /** No fault was found in them, but what cannot be read may have held more of them, or something newer. */
  readonly unsure: number;
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
  /** Numbers of logs that should be there and are not. */
  readonly missing: { readonly messages: number; readonly entries: number };
  /** The first entities that are counted as unsure, at most 1,000. */
  readonly unsure: readonly string[];
  /** The first faults found, at most 1,000. */
  readonly faults: readonly Fault[];
  /** All faults found. */
  readonly faultCount: number;
}

const MAX_FAULTS = 1_000;
const MAX_UNSURE = 1_000;

export type Kind = 'conversations' | 'users' | 'names';
type Counted = 'messages' | 'entries' | 'outboxes' | 'longTexts';

/** Gathers what a check finds, in bounded memory. */
export class Findings {
  readonly #faults: Fault[] = [];
  readonly #tallies = {
    conversations: { whole: 0, damaged: 0, unsure: 0 },
    users: { whole: 0, damaged: 0, unsure: 0 },
    names: { whole: 0, damaged: 0, unsure: 0 },
  };
  readonly #missing = { messages: 0, entries: 0 };
  readonly #unsure: string[] = [];
  /** Rows of logs that were met on the way along them. */
  logRows = 0;
  readonly #counts = { messages: 0, entries: 0, outboxes: 0, longTexts: 0 };
  #faultCount = 0;

  fault(entity: string, what: string): void {
    this.#faultCount += 1;
    if (this.#faults.length < MAX_FAULTS) this.#faults.push({ entity, what });
  }

  /** Numbers of a log that should be there, both ends included. */
  missing(entity: string, from: number, to: number): void {
    this.#missing[holdsMessages(entity) ? 'messages' : 'entries'] += Math.max(0, to - from + 1);
    this.fault(entity, to > from ? `numbers ${from} to ${to} are missing` : `number ${from} is missing`);
  }

  count(what: Counted, by = 1): void {
    this.#counts[what] += by;
  }

  counted(what: Counted): number {
    return this.#counts[what];
  }

  /**
   * Runs the check of one entity and counts it as damaged if it found a fault, as unsure if there is doubt, else as whole.
   */
  async entity(
    kind: Kind,
    entity: string,
    check: () => Promise<void>,
    isUnsure: () => Promise<boolean>,
  ): Promise<void> {
    const before = this.#faultCount;
    let unsure = false;
    try {
      await check();
      unsure = this.#faultCount === before && (await isUnsure());
    } catch (cause) {
      this.fault(entity, `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
    if (unsure && this.#unsure.length < MAX_UNSURE) this.#unsure.push(entity);
    this.#tallies[kind][unsure ? 'unsure' : this.#faultCount === before ? 'whole' : 'damaged'] += 1;
  }

  /** Counts an entity of which there is nothing but rows of logs. */
  lost(kind: Kind, entity: string, what: string): void {
    this.fault(entity, what);
    this.#tallies[kind].damaged += 1;
  }

  report(): FsckReport {
    const { conversations, users, names } = this.#tallies;
    return {
      ok: this.#faultCount === 0,
      conversations: { ...conversations },
      users: { ...users },
      names: { ...names },
      ...this.#counts,
      missing: { ...this.#missing },
      unsure: [...this.#unsure],
      faults: [...this.#faults],
      faultCount: this.#faultCount,
    };
  }
}

/** So many lines of one kind are shown to people; there may be a thousand. */
const MAX_LINES = 100;

const tally = (what: string, { whole, damaged, unsure }: Tally): string => {
  const counts = [`${String(whole).padStart(10)} whole`];
  if (damaged > 0) counts.push(`${damaged} damaged`);
  if (unsure > 0) counts.push(`${unsure} without a fault, but maybe not up to date`);
  return what.padEnd(14) + counts.join(', ');
};

/** Lines of one kind: not more than people read. */
const lines = (all: readonly string[], count: number): readonly string[] => {
  const shown = all.slice(0, MAX_LINES);
  return shown.length === count
    ? shown
    : [...shown, `… and ${count - shown.length} more (--json names the first 1,000)`];
};

const faultLines = ({ faults, faultCount }: FsckReport): readonly string[] =>
  faultCount === 0
    ? []
    : [
        '',
        ...lines(
          faults.map(({ entity, what }) => `${entity}: ${what}`),
          faultCount,
        ),
      ];

const unsureLines = ({ unsure, conversations, users, names }: FsckReport): readonly string[] =>
  unsure.length === 0
    ? []
    : [
        '',
        'No fault was found in these, but what cannot be read may have held something newer of them:',
        ...lines(unsure, conversations.unsure + users.unsure + names.unsure),
      ];

const end = (report: FsckReport): readonly string[] =>
  report.ok
    ? ['Everything is whole.']
    : [
        `${report.faultCount === 1 ? 'One fault was' : `${report.faultCount} faults were`} found.`,
        'What to do: stop the server, restore the last backup into another folder ("duolog restore FILE --data FOLDER"),',
        'serve from there, and keep this folder until all is well.',
      ];

/** The report for people, in lines. */
export const reportLines = (report: FsckReport): readonly string[] => {
  const { missing, conversations, users, names } = report;
  return [
    tally('conversations', conversations),
    tally('users', users),
    tally('names', names),
    `${'looked at'.padEnd(14)}${String(report.messages).padStart(10)} messages, ${report.entries} entries, ${report.outboxes} outboxes, ${report.longTexts} long texts`,
    ...(missing.messages + missing.entries === 0
      ? []
      : [`${'missing'.padEnd(14)}${String(missing.messages).padStart(10)} messages, ${missing.entries} entries`]),
    ...faultLines(report),
    ...unsureLines(report),
    '',
    ...end(report),
  ];
};
