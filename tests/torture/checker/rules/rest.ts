/** Rules 12 and 14: what is left when everything has ended, and when that is. */
import type { RestEvent, Row } from '../../history.ts';
import type { Evidence } from '../evidence.ts';
import { obtain } from '../obtain.ts';
import type { FinalConversation } from '../final-log.ts';
import { firstAskedAtUs, firstOk, mayBeUndone, say, settledAtUs, type Case, type Rule } from './judge.ts';

const show = (row: Row | undefined): string =>
  row === undefined
    ? 'nothing'
    : `joined ${row.joinSeq}, from ${row.visibleFrom}, left ${row.leaveSeq ?? '-'} ${JSON.stringify(row.name ?? '')}, read ${row.readSeq}, last ${row.lastSeq}, unread ${row.unread ?? '-'}`;

const checkEqual = (user: string, rests: readonly RestEvent[], { findings }: Case): void => {
  const [one, ...others] = rests;
  if (one === undefined) return;
  const rows = new Map(one.rows.map((row) => [row.conversation, row]));
  for (const other of others) {
    findings.checked(12);
    const theirs = new Map(other.rows.map((row) => [row.conversation, row]));
    for (const conversation of new Set([...rows.keys(), ...theirs.keys()])) {
      const [a, b] = [show(rows.get(conversation)), show(theirs.get(conversation))];
      if (a !== b)
        findings.found(
          12,
          `${conversation} of ${user}: ${one.device} (${one.source}) has ${a}; ${other.device} (${other.source}) has ${b}`,
        );
    }
  }
};

/** The largest read position that was acknowledged, by user and conversation. */
const acknowledgedReads = (evidence: Evidence): ReadonlyMap<string, number> => {
  const reads = new Map<string, number>();
  for (const command of evidence.commands.values()) {
    const ok = command.method === 'read' ? firstOk(command) : undefined;
    if (ok === undefined || mayBeUndone(evidence, ok.answeredAtUs)) continue;
    const key = `${command.user} ${command.conversation}`;
    reads.set(key, Math.max(reads.get(key) ?? 0, ok.seq ?? command.targetSeq ?? 0));
  }
  return reads;
};

const checkRow = (
  rest: RestEvent,
  row: Row,
  conversation: FinalConversation,
  read: number,
  { findings }: Case,
): void => {
  const { conversation: name, members, lastSeq } = conversation;
  const where = `${name} of ${rest.device}`;
  const last = members.get(rest.user)?.at(-1);
  findings.checked(12);
  const end = Math.min(lastSeq, last?.leaveSeq ?? lastSeq);
  if (row.lastSeq !== end) findings.found(12, `${where} ends at ${row.lastSeq}, the final log at ${end}`);
  if (last !== undefined && row.joinSeq !== last.joinSeq)
    findings.found(12, `${where} was joined at ${row.joinSeq} by the row, at ${last.joinSeq} by the final log`);
  if (row.readSeq < Math.min(read, end))
    findings.found(12, `${where} is read up to ${row.readSeq}, though ${read} was acknowledged`);
  if (row.unread === undefined) return;
  const readers = conversation.readers.get(rest.user);
  let recount = 0;
  for (let seq = Math.max(row.readSeq, row.joinSeq) + 1; seq <= end; seq++)
    if (readers?.seqs.has(seq) === true) recount++;
  if (row.unread !== recount) findings.found(12, `${where} shows ${row.unread} unread, a recount gives ${recount}`);
};

/** 12: a device's cache = a fresh reset = a full replay; unread = a recount; no acknowledged read is lost. */
export const cachesAreRight: Rule = (given) => {
  const byUser = new Map<string, RestEvent[]>();
  for (const rest of given.evidence.rests) obtain(byUser, rest.user, () => []).push(rest);
  for (const [user, rests] of byUser) checkEqual(user, rests, given);
  const reads = acknowledgedReads(given.evidence);
  for (const rest of given.evidence.rests) {
    const rows = new Map(rest.rows.map((row) => [row.conversation, row]));
    for (const [id, conversation] of given.finals.conversations) {
      const row = rows.get(id);
      if (row !== undefined) checkRow(rest, row, conversation, reads.get(`${rest.user} ${id}`) ?? 0, given);
      else if (conversation.members.has(rest.user)) given.findings.found(12, `${rest.device} does not know of ${id}`);
    }
  }
};

/** When the faults were over and nothing new was asked any more. */
const quietAtUs = ({ faultsAtUs, servedAtUs, commands }: Evidence): number => {
  let atUs = 0;
  for (const time of faultsAtUs) atUs = Math.max(atUs, time);
  for (const time of servedAtUs) atUs = Math.max(atUs, time);
  for (const command of commands.values()) atUs = Math.max(atUs, firstAskedAtUs(command));
  return atUs;
};

const checkDevices = (limitUs: number, { evidence, findings }: Case): void => {
  const rested = new Map(evidence.rests.map((rest) => [rest.device, rest]));
  const heads = new Map<string, number>();
  for (const rest of evidence.rests) heads.set(rest.user, Math.max(heads.get(rest.user) ?? 0, rest.cursor));
  for (const [device, state] of evidence.devices) {
    if (state.retired) continue;
    findings.checked(14);
    const rest = rested.get(device);
    const head = heads.get(state.user) ?? 0;
    if (rest === undefined) findings.found(14, `${device} does not come to rest`);
    else if (rest.cursor !== head)
      findings.found(14, `${device} rests at ${rest.cursor}, the newest of its user at ${head}`);
    // Fresh devices are begun by the run when it likes; only those that were there have to be in time.
    else if (rest.source === 'live' && rest.atUs > limitUs)
      findings.found(14, `${device} comes to rest ${Math.round((rest.atUs - limitUs) / 1000)} ms too late`);
  }
};

/** 14: after the last fault every pending command ends and all devices meet within the bound. */
export const everythingEnds: Rule = (given) => {
  const { evidence, findings } = given;
  const boundMs = evidence.run?.boundMs;
  if (boundMs === undefined) return;
  const limitUs = quietAtUs(evidence) + boundMs * 1000;
  for (const command of evidence.commands.values()) {
    if (command.abandoned) continue;
    findings.checked(14);
    const atUs = settledAtUs(command);
    if (atUs === Number.POSITIVE_INFINITY) findings.found(14, `${say(command)} never ends`);
    else if (atUs > limitUs)
      findings.found(14, `${say(command)} ends ${Math.round((atUs - limitUs) / 1000)} ms too late`);
  }
  checkDevices(limitUs, given);
};
