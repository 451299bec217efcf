/** A run that shows nothing must not pass. */
import type { Command, Evidence } from '../evidence.ts';
import type { FinalLog } from '../final-log.ts';
import { RULE_IDS } from '../verdict.ts';
import { firstOk, placesOf, type Case, type Rule } from './judge.ts';

/** What became of a send whose first outcome was unknown; undefined: it cannot be told. */
const resolution = (command: Command, evidence: Evidence, finals: FinalLog): 'stored' | 'not stored' | undefined => {
  const first = command.attempts.findIndex((attempt) => attempt.result === 'unknown' || attempt.result === 'open');
  if (first < 0 || command.method !== 'send' || command.attempts.slice(0, first).some((attempt) => attempt.settles))
    return undefined;
  const place = placesOf(finals, command)[0];
  const again = command.attempts[first + 1];
  if (again === undefined) return place === undefined ? 'not stored' : 'stored';
  if (place === undefined) return firstOk(command) === undefined ? 'not stored' : undefined;
  const view = finals.conversations.get(place.conversation)?.view;
  const seenAtUs = view?.firstSeenAtUs[place.seq] ?? Number.POSITIVE_INFINITY;
  if (seenAtUs < again.askedAtUs) return 'stored';
  // Its device had read everything after the outcome became unknown, and this message was not there yet.
  return again.caughtUp ? 'not stored' : undefined;
};

export const countUnknown = (
  evidence: Evidence,
  finals: FinalLog,
): { readonly stored: number; readonly notStored: number } => {
  let [stored, notStored] = [0, 0];
  for (const command of evidence.commands.values()) {
    const resolved = resolution(command, evidence, finals);
    if (resolved === 'stored') stored++;
    if (resolved === 'not stored') notStored++;
  }
  return { stored, notStored };
};

/** Too few acknowledgements, no unknown outcome resolved both ways, no take-over in a cluster, a rule that had to be exercised and was not. */
export const runShowsSomething: Rule = ({ evidence, finals, findings }: Case) => {
  const { run } = evidence;
  if (run === undefined) return findings.found('empty', 'there is no run event');
  let ok = 0;
  for (const command of evidence.commands.values()) if (firstOk(command) !== undefined) ok++;
  if (ok < Math.max(1, run.minOk))
    findings.found('empty', `${ok} commands were acknowledged, ${run.minOk} are the least`);
  if (finals.conversations.size === 0) findings.found('empty', 'there is no final log');
  const unknown = countUnknown(evidence, finals);
  if (run.faults && evidence.faultsAtUs.length === 0) findings.found('empty', 'no fault happened');
  if (run.faults && unknown.stored === 0) findings.found('empty', 'no send of unknown outcome turned out to be stored');
  if (run.faults && unknown.notStored === 0)
    findings.found('empty', 'no send of unknown outcome turned out not to be stored');
  if (run.cluster && evidence.takeovers === 0) findings.found('empty', 'nobody took a partition over');
  for (const rule of RULE_IDS) {
    if (typeof rule === 'number' && run.mustExercise.includes(rule) && findings.report(rule).checked === 0) {
      findings.found('empty', `rule ${rule} was not exercised`);
    }
  }
};
