/**
 * The judge of a torture run. It knows nothing but the history (`../history.ts`) and shares no code with what it
 * judges. Memory grows with the messages and entries of the run, not with the lines about them.
 */
import type { HistoryEvent } from '../history.ts';
import { collect } from './collect.ts';
import { newEvidence, type Evidence } from './evidence.ts';
import { buildFinalLog, type FinalLog } from './final-log.ts';
import { countUnknown, runShowsSomething } from './rules/emptiness.ts';
import { entriesAreWhole } from './rules/entries.ts';
import { firstOk, type Rule } from './rules/judge.ts';
import { acknowledgedIsStored, commandsOccurOnce, logsAreWhole } from './rules/messages.ts';
import { orderInTime, orderOfOutbox, repeatsAreHarmless } from './rules/order.ts';
import { presenceIsTrue } from './rules/presence.ts';
import { editsStay, epochsChangeByRestore, readsAreFresh } from './rules/reads.ts';
import { cachesAreRight, everythingEnds } from './rules/rest.ts';
import { visibilityHolds } from './rules/visibility.ts';
import { newFindings, RULE_IDS, type Findings, type Stats, type Verdict } from './verdict.ts';

/** All rules; the last one asks whether the others were exercised. */
const rules: readonly Rule[] = [
  acknowledgedIsStored,
  commandsOccurOnce,
  logsAreWhole,
  editsStay,
  orderInTime,
  orderOfOutbox,
  entriesAreWhole,
  readsAreFresh,
  visibilityHolds,
  repeatsAreHarmless,
  cachesAreRight,
  epochsChangeByRestore,
  everythingEnds,
  presenceIsTrue,
  runShowsSomething,
];

const longestWithoutOkMs = (evidence: Evidence): number => {
  const times: number[] = [];
  for (const command of evidence.commands.values()) {
    const ok = firstOk(command);
    if (ok !== undefined) times.push(ok.answeredAtUs);
  }
  times.sort((a, b) => a - b);
  let longestUs = 0;
  for (const [index, atUs] of times.entries()) longestUs = Math.max(longestUs, atUs - (times[index - 1] ?? atUs));
  return Math.round(longestUs / 1000);
};

const statsOf = (evidence: Evidence, finals: FinalLog, findings: Findings): Stats => {
  let [ok, messages] = [0, 0];
  for (const command of evidence.commands.values()) if (firstOk(command) !== undefined) ok++;
  for (const { items } of finals.conversations.values()) for (const item of items) if (item !== undefined) messages++;
  const unknown = countUnknown(evidence, finals);
  return {
    events: evidence.events,
    users: new Set([...evidence.devices.values()].map((state) => state.user)).size,
    devices: evidence.devices.size,
    conversations: finals.conversations.size,
    messages,
    faults: evidence.faultsAtUs.length,
    takeovers: evidence.takeovers,
    commands: evidence.commands.size,
    ok,
    unknownStored: unknown.stored,
    unknownNotStored: unknown.notStored,
    longestWithoutOkMs: longestWithoutOkMs(evidence),
    rules: Object.fromEntries(RULE_IDS.map((rule) => [String(rule), findings.report(rule)])),
  };
};

/** Judges a history given as batches of events, or as events. Lines that were none go in as `malformed`. */
export const check = async (
  history: AsyncIterable<readonly HistoryEvent[]> | Iterable<HistoryEvent>,
  malformed: readonly string[] = [],
): Promise<Verdict> => {
  const evidence = newEvidence();
  const findings = newFindings();
  const collector = { evidence, findings };
  if (Symbol.asyncIterator in history)
    for await (const events of history) for (const event of events) collect(collector, event);
  else for (const event of history) collect(collector, event);
  // Read after the history: reading it is what finds them.
  for (const detail of malformed) findings.found('malformed', detail);
  const finals = buildFinalLog(evidence);
  for (const rule of rules) rule({ evidence, finals, findings });
  return { violations: findings.violations(), stats: statsOf(evidence, finals, findings) };
};
