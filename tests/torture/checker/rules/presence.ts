/** Rule 15: never offline while beating; offline in time after the last beat. */
import { lastAtOrBefore, type PresenceMark } from '../evidence.ts';
import { obtain } from '../obtain.ts';
import type { Case, Rule } from './judge.ts';

/** What may be added to the limit before a change has reached an observer. */
const graceUs = 2_000_000;

interface Signs {
  readonly beats: number[];
  readonly logouts: number[];
}

/** A time during which one device looked at one user without a break, and what it was shown. */
interface Watch {
  readonly device: string;
  readonly subject: string;
  readonly fromUs: number;
  untilUs: number;
  readonly shown: PresenceMark[];
}

const gather = (
  marks: readonly PresenceMark[],
  endUs: number,
): { readonly signs: ReadonlyMap<string, Signs>; readonly watches: readonly Watch[] } => {
  const signs = new Map<string, Signs>();
  const open = new Map<string, Watch>();
  const watches: Watch[] = [];
  const end = (mark: PresenceMark, of: (watch: Watch) => boolean): void => {
    for (const [key, watch] of open) {
      if (watch.device !== mark.device || !of(watch)) continue;
      watch.untilUs = mark.atUs;
      open.delete(key);
    }
  };
  for (const mark of marks.toSorted((a, b) => a.atUs - b.atUs)) {
    const sign = obtain(signs, mark.user, () => ({ beats: [], logouts: [] }));
    if (mark.type === 'beat') sign.beats.push(mark.atUs);
    if (mark.type === 'logout') sign.logouts.push(mark.atUs);
    if (mark.type === 'closed') end(mark, () => true);
    if (mark.type === 'unwatch') end(mark, (watch) => watch.subject === mark.subject);
    if (mark.type === 'presence') open.get(`${mark.device} ${mark.subject}`)?.shown.push(mark);
    if (mark.type !== 'watch') continue;
    const watch = { device: mark.device, subject: mark.subject, fromUs: mark.atUs, untilUs: endUs, shown: [] };
    watches.push(watch);
    open.set(`${mark.device} ${mark.subject}`, watch);
  }
  return { signs, watches };
};

/** Offline was shown: the last beat is at least the limit ago, or a logout came after it. */
const checkShown = (mark: PresenceMark, signs: Signs | undefined, limitUs: number, { findings }: Case): void => {
  if (mark.online) return;
  const beat = signs?.beats[lastAtOrBefore(signs.beats, mark.atUs)];
  const logout = signs?.logouts[lastAtOrBefore(signs.logouts, mark.atUs)];
  findings.checked(15);
  if (beat === undefined || (logout !== undefined && logout >= beat) || mark.atUs - beat >= limitUs) return;
  findings.found(
    15,
    `${mark.device} is shown ${mark.subject} offline ${Math.round((mark.atUs - beat) / 1000)} ms after a beat`,
  );
};

/** A silence longer than the limit that a device watched from its beginning to its end: it must have been shown. */
const checkSilences = (watch: Watch, signs: Signs, latestUs: number, { findings }: Case): void => {
  for (const [index, beat] of signs.beats.entries()) {
    const next = signs.beats[index + 1] ?? Number.POSITIVE_INFINITY;
    const dueUs = beat + latestUs;
    if (beat < watch.fromUs || dueUs > watch.untilUs || next <= dueUs) continue;
    findings.checked(15);
    const online = watch.shown.findLast((mark) => mark.atUs <= dueUs)?.online;
    if (online !== false)
      findings.found(
        15,
        `${watch.device} is not shown ${watch.subject} offline within ${latestUs / 1000} ms of the last beat`,
      );
  }
};

/** 15: never offline while beating; offline within [limit, limit + jitter + 2 s] after the last beat. */
export const presenceIsTrue: Rule = (given) => {
  const { evidence } = given;
  const presence = evidence.run?.presence;
  if (presence === undefined) return;
  const endUs = Math.max(
    0,
    ...[...evidence.devices.values()].map((state) => state.lastAtUs),
    ...evidence.presence.slice(-1).map((mark) => mark.atUs),
  );
  const { signs, watches } = gather(evidence.presence, endUs);
  for (const watch of watches) {
    const subject = signs.get(watch.subject);
    for (const mark of watch.shown) checkShown(mark, subject, presence.limitMs * 1000, given);
    if (subject !== undefined)
      checkSilences(watch, subject, (presence.limitMs + presence.jitterMs) * 1000 + graceUs, given);
  }
};
