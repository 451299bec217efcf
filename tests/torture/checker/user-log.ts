/** What all devices of one user saw of the user log in one epoch (rules 7 and 8). */
import type { EntryEvent } from '../history.ts';
import { obtain } from './obtain.ts';

export interface UserLog {
  /** By useq. */
  readonly kinds: (string | undefined)[];
  readonly conversations: (string | undefined)[];
  readonly seqs: (number | undefined)[];
  readonly hashes: (string | undefined)[];
  readonly revisions: (number | undefined)[];
  /** By device: when it applied what, in its order. */
  readonly applied: Map<string, { readonly atUs: number[]; readonly useq: number[] }>;
}

export const newUserLog = (): UserLog => ({
  kinds: [],
  conversations: [],
  seqs: [],
  hashes: [],
  revisions: [],
  applied: new Map(),
});

/** Takes an applied entry down. Returns, in words, how it disagrees with what another device applied, if it does. */
export const apply = (log: UserLog, entry: EntryEvent): string | undefined => {
  const { useq } = entry;
  const applied = obtain(log.applied, entry.device, () => ({ atUs: [], useq: [] }));
  applied.atUs.push(entry.atUs);
  applied.useq.push(useq);
  const kind = log.kinds[useq];
  if (kind === undefined) {
    log.kinds[useq] = entry.kind;
    log.conversations[useq] = entry.conversation;
    log.seqs[useq] = entry.seq;
    log.hashes[useq] = entry.hash;
    log.revisions[useq] = entry.revision;
    return undefined;
  }
  const same =
    kind === entry.kind &&
    log.conversations[useq] === entry.conversation &&
    log.seqs[useq] === entry.seq &&
    // A device's own message comes without its text.
    (log.hashes[useq] === undefined || entry.hash === undefined || log.hashes[useq] === entry.hash) &&
    (log.revisions[useq] ?? 0) === (entry.revision ?? 0);
  if (same) return undefined;
  const one = `${kind} ${log.conversations[useq] ?? ''} ${log.seqs[useq] ?? ''} ${log.hashes[useq] ?? ''}`;
  const other = `${entry.kind} ${entry.conversation ?? ''} ${entry.seq ?? ''} ${entry.hash ?? ''}`;
  return `entry ${useq} is (${other}) to ${entry.device} and (${one}) to another device of ${entry.user}`;
};
