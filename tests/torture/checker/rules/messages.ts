/** Rules 1 to 3: what was acknowledged is there, nothing else is, nothing is missing. */
import type { Command } from '../evidence.ts';
import { obtain } from '../obtain.ts';
import { mayRead, type FinalConversation } from '../final-log.ts';
import { firstOk, isInDoubt, isLogged, mayBeUndone, placesOf, say, type Case, type Rule } from './judge.ts';

const checkStored = (
  command: Command,
  seq: number,
  conversation: FinalConversation | undefined,
  { findings }: Case,
): void => {
  const item = conversation?.items[seq];
  const hash = (item?.revision ?? 0) === 0 ? item?.hash : (conversation?.view?.hashes[seq] ?? command.hash);
  if (item === undefined) findings.found(1, `${say(command)} was acknowledged at ${seq} and is not in the final log`);
  else if (hash !== command.hash) findings.found(1, `${say(command)} was acknowledged at ${seq}, where ${hash} stands`);
};

/** 1: each acknowledged send is in the final log once, at its seq, with its hash. Changes count as sends. */
export const acknowledgedIsStored: Rule = (given) => {
  const { evidence, finals, findings } = given;
  for (const command of evidence.commands.values()) {
    const ok = firstOk(command);
    if (!isLogged(command) || command.conversation === undefined || command.hash === undefined) continue;
    if (ok?.seq === undefined || ok.seq === 0) continue;
    const undone = mayBeUndone(evidence, ok.answeredAtUs);
    const places = placesOf(finals, command);
    if (undone && places.length === 0) continue;
    findings.checked(1);
    if (places.length > 1)
      findings.found(
        1,
        `${say(command)} is stored ${places.length} times: ${places.map((place) => place.seq).join(', ')}`,
      );
    if (!undone) checkStored(command, ok.seq, finals.conversations.get(command.conversation), given);
  }
};

/** 2: a command without an acknowledgement is stored at most once, and never if it was refused. */
export const commandsOccurOnce: Rule = ({ evidence, finals, findings }) => {
  for (const command of evidence.commands.values()) {
    if (command.method !== 'send' || firstOk(command) !== undefined) continue;
    findings.checked(2);
    const places = placesOf(finals, command);
    const last = command.attempts.at(-1);
    const refused = last?.result === 'error' && last.settles && last.code !== 'stale';
    const most = isInDoubt(command) && !refused ? 1 : 0;
    if (places.length > most) {
      findings.found(
        2,
        `${say(command)} ended as ${last?.code ?? last?.result} and is stored ${places.length} times: ${places.map((place) => place.seq).join(', ')}`,
      );
    }
  }
};

/** Changes are not unique: of each kind there are as many as were acknowledged, and at most as many as may have been carried out. */
const countChanges = (commands: Iterable<Command>): Map<string, { ok: number; possible: number }> => {
  const counts = new Map<string, { ok: number; possible: number }>();
  for (const command of commands) {
    if (command.method === 'send' || command.hash === undefined || command.conversation === undefined) continue;
    const count = obtain(counts, `${command.conversation} ${command.user} ${command.hash}`, () => ({
      ok: 0,
      possible: 0,
    }));
    const ok = firstOk(command);
    if (ok !== undefined) count.ok += ok.seq === 0 ? 0 : 1;
    if (ok === undefined ? isInDoubt(command) : ok.seq !== 0) count.possible++;
  }
  return counts;
};

const checkSources = (
  conversation: FinalConversation,
  sent: ReadonlyMap<string, Command>,
  changes: ReadonlyMap<string, { possible: number }>,
  { findings }: Case,
): void => {
  const used = new Map<string, number>();
  const { items, view } = conversation;
  for (const item of items) {
    if (item === undefined) continue;
    findings.checked(3);
    if (item.change !== undefined) {
      // An owner who goes makes another one owner: a change of its own that nobody asked for.
      if (item.change.action === 'promoted') continue;
      const key = `${conversation.conversation} ${item.sender} ${item.hash}`;
      const count = (used.get(key) ?? 0) + 1;
      used.set(key, count);
      if (count > (changes.get(key)?.possible ?? 0)) {
        findings.found(
          3,
          `${conversation.conversation}: nobody asked for the change ${item.change.action} ${item.change.users.join(' ')} at ${item.seq}`,
        );
      }
      continue;
    }
    const hash = (item.revision ?? 0) === 0 ? item.hash : view?.hashes[item.seq];
    if (hash === undefined) continue;
    const command = sent.get(`${conversation.conversation} ${hash}`);
    if (command === undefined)
      findings.found(3, `${conversation.conversation}: nobody sent ${hash}, which stands at ${item.seq}`);
    else if (item.sender !== undefined && item.sender !== command.user) {
      findings.found(
        3,
        `${conversation.conversation}: ${item.seq} is from ${command.user} and stands there as from ${item.sender}`,
      );
    }
  }
};

const checkEdits = (conversation: FinalConversation, edits: ReadonlySet<string>, { findings }: Case): void => {
  for (const item of conversation.items) {
    if (item === undefined || (item.revision ?? 0) === 0 || item.hash === undefined) continue;
    findings.checked(3);
    if (!edits.has(`${conversation.conversation} ${item.seq} ${item.hash}`)) {
      findings.found(3, `${conversation.conversation}: nobody edited ${item.seq} to ${item.hash}`);
    }
  }
};

const checkDensity = (conversation: FinalConversation, { findings }: Case): void => {
  const { conversation: name, items, lastSeq, readers, members } = conversation;
  for (let seq = 1; seq <= lastSeq; seq++)
    if (items[seq] === undefined) findings.found(3, `${name}: nobody reads ${seq} of 1 … ${lastSeq}`);
  if (items.length > lastSeq + 1)
    findings.found(3, `${name}: ${items.length - 1} is read, beyond the last seq ${lastSeq}`);
  for (const [user, reader] of readers) {
    findings.checked(3);
    if (reader.twice !== undefined) findings.found(3, `${name}: ${user} reads ${reader.twice} twice`);
    // Who comes back may have lost sight of earlier times; the present one (or the last) has to be there.
    const intervals = members.get(user)?.slice(-1);
    for (let seq = 1; seq <= reader.lastSeq; seq++) {
      if (items[seq] !== undefined && !reader.seqs.has(seq) && mayRead(intervals, seq))
        findings.found(3, `${name}: ${user} does not read ${seq}`);
    }
  }
};

/** 3: each conversation's final log is 1 … lastSeq, every message from a recorded command. */
export const logsAreWhole: Rule = (given) => {
  const sent = new Map<string, Command>();
  const edits = new Set<string>();
  for (const command of given.evidence.commands.values()) {
    if (command.method === 'send') sent.set(`${command.conversation} ${command.hash}`, command);
    if (command.method === 'edit') edits.add(`${command.conversation} ${command.targetSeq} ${command.hash}`);
  }
  const changes = countChanges(given.evidence.commands.values());
  for (const conversation of given.finals.conversations.values()) {
    checkSources(conversation, sent, changes, given);
    checkEdits(conversation, edits, given);
    checkDensity(conversation, given);
  }
};
