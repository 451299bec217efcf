/** What the checker finds. */

/** A rule of the history (1 to 15), a run that shows nothing, or a history that cannot be read. */
export type RuleId = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 | 'empty' | 'malformed';
export const RULE_IDS: readonly RuleId[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/** What each rule asks for, in a line. */
export const RULES: Readonly<Record<RuleId, string>> = {
  1: 'what was acknowledged is in the final log once, at its seq',
  2: 'a command occurs at most once, a refused one never',
  3: 'each final log is 1 … lastSeq, every message from a recorded command',
  4: 'all observations of a message agree; edits only advance',
  5: 'what was answered before another was asked comes before it',
  6: 'the order of an outbox is the order of the log, nothing left out',
  7: 'all devices agree on the user log; each applies it without a gap',
  8: 'each member has an entry for every message of the membership, once and in order',
  9: 'a read shows what was acknowledged before it; heads never fall',
  10: 'nobody sees what they may not, nothing reaches whom a removal or block protects',
  11: 'a repeated command gets its first result',
  12: 'a device at rest equals a fresh reset and a full replay; unread equals a recount',
  13: 'the epoch changes only at a restore',
  14: 'after the last fault everything ends and all devices meet in time',
  15: 'nobody is offline while beating, and everybody is in time afterwards',
  empty: 'the run shows something',
  malformed: 'the history can be read',
};

interface Violation {
  readonly rule: RuleId;
  readonly detail: string;
}

type RuleState = 'held' | 'violated' | 'not exercised';

interface RuleReport {
  /** How many times the rule was put to the test; never `held` with 0. */
  readonly checked: number;
  readonly violated: number;
  readonly state: RuleState;
}

export interface Stats {
  readonly events: number;
  readonly users: number;
  readonly devices: number;
  readonly conversations: number;
  /** Messages in the final logs. */
  readonly messages: number;
  readonly faults: number;
  readonly takeovers: number;
  readonly commands: number;
  /** Commands that were acknowledged. */
  readonly ok: number;
  /** Sends whose first outcome was unknown and that turned out to be stored; or not to be. */
  readonly unknownStored: number;
  readonly unknownNotStored: number;
  /** Longest time between two acknowledgements. */
  readonly longestWithoutOkMs: number;
  readonly rules: Readonly<Record<string, RuleReport>>;
}

export interface Verdict {
  /** The first {@link MAX_DETAILS} of each rule. */
  readonly violations: readonly Violation[];
  readonly stats: Stats;
}

const MAX_DETAILS = 10;

/** Counts what each rule was put to and keeps what it found. */
export interface Findings {
  /** The rule was put to the test `times` times. */
  readonly checked: (rule: RuleId, times?: number) => void;
  readonly found: (rule: RuleId, detail: string) => void;
  readonly violations: () => readonly Violation[];
  readonly report: (rule: RuleId) => RuleReport;
}

export const newFindings = (): Findings => {
  const checks = new Map<RuleId, number>();
  const counts = new Map<RuleId, number>();
  const violations: Violation[] = [];
  return {
    checked: (rule, times = 1) => {
      checks.set(rule, (checks.get(rule) ?? 0) + times);
    },
    found: (rule, detail) => {
      const count = (counts.get(rule) ?? 0) + 1;
      counts.set(rule, count);
      if (count <= MAX_DETAILS) violations.push({ rule, detail });
    },
    violations: () => violations,
    report: (rule) => {
      const checked = checks.get(rule) ?? 0;
      const violated = counts.get(rule) ?? 0;
      return { checked, violated, state: violated > 0 ? 'violated' : checked > 0 ? 'held' : 'not exercised' };
    },
  };
};
