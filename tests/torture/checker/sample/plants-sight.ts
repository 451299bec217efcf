/** Plants against what devices apply, read and end with: rules 7 to 10 and 12 to 15, and empty runs. */
import type { EntryEvent, HistoryEvent } from '../../history.ts';
import {
  all,
  appendMessage,
  ask,
  beforeRest,
  deviceOf,
  longestFinal,
  map,
  need,
  replace,
  type History,
} from './edit-history.ts';
import { ghost, type Plant } from './plant.ts';

/** The last device of a user that is no member of the group any more, with the last seq it may read. */
const gone = (history: History) => {
  const rest = need(
    all(history, 'rest').find(
      (event) =>
        event.source === 'live' && event.rows.some((row) => row.conversation === 'g1' && row.leaveSeq !== undefined),
    ),
    'user who left g1',
  );
  const row = need(
    rest.rows.find(({ conversation }) => conversation === 'g1'),
    'row of g1',
  );
  return { ...deviceOf(history, rest.user), leaveSeq: row.leaveSeq ?? 0 };
};

export const ENTRY_PLANTS: readonly Plant[] = [
  {
    rule: 7,
    name: 'a device jumps over an entry',
    plant: (history) => {
      const entry = need(all(history, 'entry').filter(({ device }) => device === 'bob-1')[3], 'entry');
      return history.filter((event) => event !== entry);
    },
  },
  {
    rule: 7,
    name: 'two devices of a user have different entries at one number',
    plant: (history) => {
      const entry = need(
        all(history, 'entry').find(({ device, kind }) => device === 'alice-2' && kind === 'read'),
        'read entry',
      );
      return replace(history, entry, { ...entry, conversation: 'elsewhere' });
    },
  },
  {
    rule: 7,
    name: 'a device starts again from a cursor it never had',
    plant: (history) => {
      const { atUs, user, device, epoch } = need(
        all(history, 'head').find((event) => event.device === 'bob-1' && event.head > 5),
        'head',
      );
      const index = history.findIndex((event) => event.atUs === atUs && event.type === 'head');
      return [
        ...history.slice(0, index),
        { type: 'resumed', atUs, user, device, epoch, cursor: 1 },
        ...history.slice(index),
      ];
    },
  },
  {
    rule: 8,
    name: 'a member has no entry for a message',
    plant: (history) => {
      const entry = need(
        all(history, 'entry').find(({ device, kind }) => device === 'bob-1' && kind === 'message'),
        'message entry',
      );
      return map(history, (event) =>
        event.type === 'entry' && event.user === 'bob' && event.useq === entry.useq
          ? { ...event, kind: 'other' }
          : event,
      );
    },
  },
  {
    rule: 8,
    name: 'a member has two entries for one message',
    plant: (history) => {
      const list = all(history, 'entry').filter(
        ({ device, kind, conversation }) => device === 'bob-replay' && kind === 'message' && conversation === 'd1',
      );
      const [first, second] = [need(list[0], 'entry'), need(list[1], 'second entry')];
      const doubled = (event: EntryEvent): EntryEvent => {
        const { hash: _hash, ...rest } = event;
        return {
          ...rest,
          seq: first.seq ?? 0,
          ...(first.hash === undefined ? {} : { hash: first.hash }),
          ...(first.sender === undefined ? {} : { sender: first.sender }),
        };
      };
      return map(history, (event) =>
        event.type === 'entry' && event.user === 'bob' && event.useq === second.useq ? doubled(event) : event,
      );
    },
  },
];

export const READ_PLANTS: readonly Plant[] = [
  {
    rule: 9,
    name: 'a page does not reach what was acknowledged before',
    plant: (history) => {
      const page = need(
        all(history, 'page').findLast(({ user, conversation }) => user === 'alice' && conversation === 'd1'),
        'page of alice',
      );
      return replace(history, page, { ...page, head: 1 });
    },
  },
  {
    rule: 9,
    name: 'the head of a user log falls',
    plant: (history) => {
      const head = need(
        all(history, 'head').findLast(({ via }) => via === 'hello'),
        'head',
      );
      return replace(history, head, { ...head, head: 1 });
    },
  },
  {
    rule: 10,
    name: 'somebody who left sees what was said afterwards',
    plant: (history) => {
      const { leaveSeq, ...device } = gone(history);
      return beforeRest(history, (atUs) => [
        {
          type: 'page',
          askedAtUs: atUs,
          atUs,
          ...device,
          via: 'history',
          conversation: 'g1',
          head: leaveSeq,
          items: [{ seq: leaveSeq + 1 }],
        },
      ]);
    },
  },
  {
    rule: 10,
    name: 'a search finds a message of a conversation one is no member of',
    plant: (history) =>
      beforeRest(history, (atUs) => [
        {
          type: 'page',
          askedAtUs: atUs,
          atUs,
          ...deviceOf(history, 'dan'),
          via: 'search',
          conversation: 'd1',
          items: [{ seq: 2 }],
        },
      ]),
  },
  {
    rule: 10,
    name: 'a send asked after the removal of its sender is stored',
    plant: (history) => {
      const { leaveSeq: _leaveSeq, ...device } = gone(history);
      const seq = longestFinal(history, 'g1').lastSeq + 1;
      const sent = beforeRest(history, (atUs) =>
        ask(atUs, device, { method: 'send', conversation: 'g1', hash: ghost }, { result: 'ok', seq }),
      );
      return appendMessage(sent, 'g1', { hash: ghost, sender: device.user });
    },
  },
  {
    rule: 10,
    name: 'a send asked after a block reaches who blocked',
    plant: (history) => {
      const seq = longestFinal(history, 'd1').lastSeq + 1;
      const sent = beforeRest(history, (atUs) => [
        ...ask(
          atUs - 1,
          deviceOf(history, 'bob'),
          { method: 'block', conversation: 'd1', people: ['alice'] },
          { result: 'ok' },
        ),
        ...ask(
          atUs,
          deviceOf(history, 'alice'),
          { method: 'send', conversation: 'd1', hash: ghost },
          { result: 'ok', seq },
        ),
      ]);
      return appendMessage(sent, 'd1', { hash: ghost, sender: 'alice' });
    },
  },
  {
    rule: 13,
    name: 'a page is of an epoch that no restore made',
    plant: (history) => {
      const page = need(all(history, 'page')[0], 'page');
      return replace(history, page, { ...page, epoch: 'ghost' });
    },
  },
  {
    rule: 13,
    name: 'the epoch is another than the restore made',
    options: { restore: true },
    plant: (history) => map(history, (event) => (event.type === 'restored' ? { ...event, epoch: 'ghost' } : event)),
  },
];

const changeRest = (
  history: History,
  source: string,
  change: (event: Extract<HistoryEvent, { type: 'rest' }>) => HistoryEvent | undefined,
): History => {
  const rest = need(
    all(history, 'rest').find((event) => event.source === source && event.rows.some((row) => row.readSeq > 0)),
    `${source} at rest`,
  );
  const changed = change(rest);
  return replace(history, rest, ...(changed === undefined ? [] : [changed]));
};

export const REST_PLANTS: readonly Plant[] = [
  {
    rule: 12,
    name: 'a device shows a wrong number of unread messages',
    plant: (history) =>
      map(history, (event) =>
        event.type === 'rest' && event.user === 'bob'
          ? { ...event, rows: event.rows.map((row) => ({ ...row, unread: (row.unread ?? 0) + 1 })) }
          : event,
      ),
  },
  {
    rule: 12,
    name: 'a fresh device calls a group that was left otherwise than the others do',
    plant: (history) =>
      map(history, (event) => {
        if (event.type !== 'rest' || event.source !== 'reset') return event;
        const rows = event.rows.map((row) =>
          row.leaveSeq === undefined ? row : { ...row, name: 'its name of today' },
        );
        return { ...event, rows };
      }),
  },
  {
    rule: 12,
    name: 'a replay does not know of a conversation',
    plant: (history) => changeRest(history, 'replay', (event) => ({ ...event, rows: event.rows.slice(1) })),
  },
  {
    rule: 12,
    name: 'an acknowledged read position is lost',
    plant: (history) =>
      map(history, (event) => {
        if (event.type !== 'rest') return event;
        // What is unread follows the lost position, so nothing but the acknowledgement tells.
        const rows = event.rows.map((row) => ({ ...row, readSeq: 0, unread: row.lastSeq - row.joinSeq }));
        return { ...event, rows };
      }),
  },
  {
    rule: 14,
    name: 'a command never ends',
    plant: (history) =>
      beforeRest(history, (atUs) =>
        ask(atUs, deviceOf(history, 'bob'), { method: 'send', conversation: 'd1', hash: ghost }),
      ),
  },
  { rule: 14, name: 'a device never comes to rest', plant: (history) => changeRest(history, 'live', () => undefined) },
  {
    rule: 14,
    name: 'a device comes to rest too late',
    plant: (history) => changeRest(history, 'live', (event) => ({ ...event, atUs: event.atUs + 3_000_000 })),
  },
  {
    rule: 14,
    name: 'a device rests behind the others',
    plant: (history) => changeRest(history, 'live', (event) => ({ ...event, cursor: event.cursor - 1 })),
  },
];

export const PRESENCE_PLANTS: readonly Plant[] = [
  {
    rule: 15,
    name: 'somebody who beats is shown offline',
    plant: (history) => {
      const offline = need(
        all(history, 'presence').find(({ online }) => !online),
        'presence',
      );
      const beat = need(all(history, 'beat')[2], 'beat');
      return [...history, { ...offline, atUs: beat.atUs + 1000 }, { ...offline, atUs: beat.atUs + 2000, online: true }];
    },
  },
  {
    rule: 15,
    name: 'somebody silent is not shown offline',
    plant: (history) => {
      const offline = need(
        all(history, 'presence').find(({ online }) => !online),
        'presence',
      );
      return history.filter((event) => event !== offline);
    },
  },
];

export const EMPTY_PLANTS: readonly Plant[] = [
  {
    rule: 'empty',
    name: 'there are too few acknowledgements',
    plant: (history) => map(history, (event) => (event.type === 'run' ? { ...event, minOk: 100_000 } : event)),
  },
  { rule: 'empty', name: 'nothing was ever unknown', options: { kills: 0 }, plant: (history) => history },
  {
    rule: 'empty',
    name: 'nobody took over in a cluster',
    options: { cluster: true },
    plant: (history) => history.filter(({ type }) => type !== 'takeover'),
  },
  {
    rule: 'empty',
    name: 'a rule was not exercised',
    plant: (history) => history.filter(({ type }) => type !== 'presence' && type !== 'watch'),
  },
  {
    rule: 'empty',
    name: 'nobody says what the run was',
    plant: (history) => history.filter(({ type }) => type !== 'run'),
  },
  {
    rule: 'malformed',
    name: 'a command is answered twice by one answer',
    plant: (history) => {
      const answered = need(all(history, 'answered')[0], 'answer');
      return replace(history, answered, answered, answered);
    },
  },
];
