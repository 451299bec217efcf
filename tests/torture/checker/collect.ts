/** Takes the events of a history into the evidence, in their order; finds on the way what only their order shows. */
import type {
  AnsweredEvent,
  AskedEvent,
  EntryEvent,
  FinalEvent,
  HeadEvent,
  HistoryEvent,
  PageEvent,
  ResetEvent,
  ResumedEvent,
} from '../history.ts';
import { viewKey, type DeviceState, type Evidence } from './evidence.ts';
import { obtain } from './obtain.ts';
import { newLogView, newSeqSet, see, type Sight } from './log-view.ts';
import { apply, newUserLog } from './user-log.ts';
import type { Findings } from './verdict.ts';

interface Collector {
  readonly evidence: Evidence;
  readonly findings: Findings;
}

const noteEpoch = ({ evidence }: Collector, epoch: string, device: string, atUs: number): void => {
  const seen = obtain(evidence.epochs, epoch, () => ({ firstAtUs: atUs, firstDevice: device }));
  if (atUs < seen.firstAtUs) seen.firstAtUs = atUs;
};

const deviceOf = (
  collector: Collector,
  event: { readonly user: string; readonly device: string; readonly atUs: number },
): DeviceState => {
  const state = obtain(collector.evidence.devices, event.device, (): DeviceState => ({
    user: event.user,
    epoch: undefined,
    cursor: 0,
    lastAtUs: 0,
    retired: false,
    pastEpochs: new Set(),
    lastHead: undefined,
  }));
  if (event.atUs < state.lastAtUs)
    collector.findings.found('malformed', `the time of ${event.device} goes back to ${event.atUs}`);
  state.lastAtUs = event.atUs;
  return state;
};

/** The device knows itself to be in this epoch now (rule 13). */
const enterEpoch = (collector: Collector, device: string, state: DeviceState, epoch: string, atUs: number): void => {
  noteEpoch(collector, epoch, device, atUs);
  collector.findings.checked(13);
  if (state.epoch === epoch) return;
  if (state.pastEpochs.has(epoch)) collector.findings.found(13, `${device} is back in epoch ${epoch}`);
  if (state.epoch !== undefined) state.pastEpochs.add(state.epoch);
  state.epoch = epoch;
};

const asked = (collector: Collector, event: AskedEvent): void => {
  const { evidence, findings } = collector;
  const state = deviceOf(collector, event);
  const command = obtain(evidence.commands, event.command, () => ({
    id: event.command,
    method: event.method,
    user: event.user,
    entity: event.entity,
    conversation: event.conversation,
    hash: event.hash,
    people: event.people ?? [],
    targetSeq: event.targetSeq,
    attempts: [],
    abandoned: false,
  }));
  if (evidence.attempts.has(event.attempt)) findings.found('malformed', `attempt ${event.attempt} is asked twice`);
  const lastUnknownAtUs = Math.max(0, ...command.attempts.map((attempt) => attempt.answeredAtUs));
  const attempt = {
    command,
    device: event.device,
    outbox: event.outbox,
    n: event.n,
    epoch: event.epoch,
    askedAtUs: event.atUs,
    caughtUp:
      state.lastHead !== undefined && state.lastHead.askedAtUs > lastUnknownAtUs && state.cursor >= state.lastHead.head,
    answeredAtUs: Number.POSITIVE_INFINITY,
    result: 'open' as const,
    seq: undefined,
    revision: undefined,
    code: undefined,
    settles: false,
  };
  command.attempts.push(attempt);
  evidence.attempts.set(event.attempt, attempt);
};

const answered = ({ evidence, findings }: Collector, event: AnsweredEvent): void => {
  const attempt = evidence.attempts.get(event.attempt);
  if (attempt === undefined || attempt.result !== 'open') {
    findings.found(
      'malformed',
      `an answer to ${event.attempt}, which is ${attempt === undefined ? 'not asked' : 'answered already'}`,
    );
    return;
  }
  attempt.answeredAtUs = event.atUs;
  attempt.result = event.result;
  attempt.seq = event.seq;
  attempt.revision = event.revision;
  attempt.code = event.code;
  attempt.settles = event.result === 'ok' || (event.result === 'error' && event.settles === true);
};

const resumed = (collector: Collector, event: ResumedEvent): void => {
  const state = deviceOf(collector, event);
  if (
    state.epoch !== undefined &&
    event.epoch !== undefined &&
    (event.epoch !== state.epoch || event.cursor !== state.cursor)
  ) {
    collector.findings.found(
      7,
      `${event.device} resumes from ${event.epoch} ${event.cursor}, though it was at ${state.epoch} ${state.cursor}`,
    );
  }
  state.cursor = event.cursor;
  if (event.epoch !== undefined) enterEpoch(collector, event.device, state, event.epoch, event.atUs);
};

const reset = (collector: Collector, event: ResetEvent): void => {
  const state = deviceOf(collector, event);
  collector.findings.checked(7);
  if (state.epoch === event.epoch && event.head < state.cursor) {
    collector.findings.found(7, `a reset takes ${event.device} back from ${state.cursor} to ${event.head}`);
  }
  enterEpoch(collector, event.device, state, event.epoch, event.atUs);
  state.cursor = event.head;
};

const message = (
  collector: Collector,
  epoch: string,
  conversation: string,
  item: Parameters<typeof see>[1],
  sight: Sight,
): void => {
  const view = obtain(collector.evidence.views, viewKey(epoch, conversation), newLogView);
  collector.findings.checked(4);
  const disagreement = see(view, item, sight);
  if (disagreement !== undefined) collector.findings.found(4, `${conversation}: ${disagreement}`);
};

const entry = (collector: Collector, event: EntryEvent): void => {
  const { evidence, findings } = collector;
  const state = deviceOf(collector, event);
  findings.checked(7);
  if (event.epoch !== state.epoch)
    findings.found(7, `${event.device} applies an entry of epoch ${event.epoch} in epoch ${state.epoch}`);
  else if (event.useq !== state.cursor + 1)
    findings.found(7, `${event.device} applies ${event.useq} after ${state.cursor}`);
  state.cursor = event.useq;
  const disagreement = apply(obtain(evidence.userLogs, viewKey(event.epoch, event.user), newUserLog), event);
  if (disagreement !== undefined) findings.found(7, disagreement);
  if (event.conversation === undefined || event.seq === undefined || event.kind === 'read') return;
  // An edit carries the new text, a recall none; both are sights of the message at that revision.
  if (!['message', 'edit', 'recall'].includes(event.kind)) return;
  message(
    collector,
    event.epoch,
    event.conversation,
    { ...event, seq: event.seq },
    { ...event, askedAtUs: event.atUs, way: event.kind === 'message' ? 'passing' : 'told' },
  );
};

const page = (collector: Collector, event: PageEvent): void => {
  deviceOf(collector, event);
  noteEpoch(collector, event.epoch, event.device, event.atUs);
  collector.findings.checked(13);
  for (const item of event.items)
    message(collector, event.epoch, event.conversation, item, {
      ...event,
      way: event.via === 'search' ? 'passing' : 'read',
    });
  if (event.head !== undefined && event.via === 'history') {
    const { user, epoch, conversation, askedAtUs, atUs, head } = event;
    collector.evidence.reads.push({ user, epoch, conversation, askedAtUs, atUs, head });
  }
};

const head = (collector: Collector, event: HeadEvent): void => {
  const state = deviceOf(collector, event);
  noteEpoch(collector, event.epoch, event.device, event.atUs);
  collector.findings.checked(13);
  const { device, via, askedAtUs, atUs } = event;
  obtain(collector.evidence.heads, viewKey(event.epoch, event.user), () => []).push({
    device,
    via,
    askedAtUs,
    atUs,
    head: event.head,
  });
  if (via !== 'beat') state.lastHead = { askedAtUs, head: event.head };
};

const final = (collector: Collector, event: FinalEvent): void => {
  const draft = obtain(collector.evidence.finals, event.conversation, () => ({
    epoch: event.epoch,
    lastSeq: 0,
    items: [],
    readers: new Map(),
  }));
  const reader = obtain(draft.readers, event.user, () => ({ seqs: newSeqSet(), lastSeq: 0, twice: undefined }));
  draft.lastSeq = Math.max(draft.lastSeq, event.lastSeq);
  reader.lastSeq = Math.max(reader.lastSeq, event.lastSeq);
  noteEpoch(collector, event.epoch, event.device, event.atUs);
  const { user, device, atUs } = event;
  const sight: Sight = { user, device, atUs, askedAtUs: atUs, way: 'read' };
  for (const item of event.items) {
    draft.items[item.seq] ??= item;
    if (reader.seqs.has(item.seq)) reader.twice ??= item.seq;
    reader.seqs.add(item.seq);
    message(collector, event.epoch, event.conversation, item, sight);
  }
};

const mark = (
  collector: Collector,
  event: Extract<HistoryEvent, { user: string }> & { readonly subject?: string; readonly online?: boolean },
): void => {
  const { type } = event;
  switch (type) {
    case 'beat':
    case 'logout':
    case 'watch':
    case 'unwatch':
    case 'closed':
    case 'presence': {
      const { atUs, user, device, subject = '', online = false } = event;
      collector.evidence.presence.push({ type, atUs, user, device, subject, online });
      break;
    }
    default:
      break;
  }
};

/** Takes one event down. */
export const collect = (collector: Collector, event: HistoryEvent): void => {
  const { evidence } = collector;
  evidence.events++;
  switch (event.type) {
    case 'run':
      evidence.run = event;
      return;
    case 'asked':
      return asked(collector, event);
    case 'answered':
      return answered(collector, event);
    case 'abandoned': {
      const command = evidence.commands.get(event.command);
      if (command !== undefined) command.abandoned = true;
      else collector.findings.found('malformed', `${event.command} is abandoned and was never asked`);
      return;
    }
    case 'resumed':
      return resumed(collector, event);
    case 'retired':
      deviceOf(collector, event).retired = true;
      return;
    case 'entry':
      return entry(collector, event);
    case 'reset':
      return reset(collector, event);
    case 'page':
      return page(collector, event);
    case 'head':
      return head(collector, event);
    case 'final':
      return final(collector, event);
    case 'rest':
      evidence.rests.push(event);
      return;
    case 'restored':
      evidence.restored.push(event);
      return;
    case 'fault':
      evidence.faultsAtUs.push(event.atUs);
      return;
    case 'served':
      evidence.servedAtUs.push(event.atUs);
      return;
    case 'takeover':
      evidence.takeovers++;
      return;
    case 'beat':
    case 'logout':
    case 'watch':
    case 'unwatch':
    case 'closed':
    case 'presence':
      return mark(collector, event);
    default: {
      const never: never = event;
      return never;
    }
  }
};
