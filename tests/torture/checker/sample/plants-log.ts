/** Plants against what is stored and in which order: rules 1 to 6 and 11. */
import { hashOf } from '../../hash.ts';
import type { Item } from '../../history.ts';
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
  singleExchanges,
  singleSends,
  type History,
} from './edit-history.ts';
import { ghost, type Plant } from './plant.ts';

/** Changes the items of every observation of one message. */
const everywhere = (history: History, conversation: string, seq: number, change: (item: Item) => Item): History =>
  map(history, (event) => {
    if (
      event.type === 'entry' &&
      event.conversation === conversation &&
      event.seq === seq &&
      event.kind === 'message'
    ) {
      return {
        ...event,
        ...change({
          seq,
          ...(event.sender === undefined ? {} : { sender: event.sender }),
          ...(event.hash === undefined ? {} : { hash: event.hash }),
        }),
      };
    }
    if ((event.type !== 'page' && event.type !== 'final') || event.conversation !== conversation) return event;
    return { ...event, items: event.items.map((item) => (item.seq === seq ? change(item) : item)) };
  });

export const MESSAGE_PLANTS: readonly Plant[] = [
  {
    rule: 1,
    name: 'an acknowledged send is missing from the final log',
    plant: (history) =>
      beforeRest(history, (atUs) =>
        ask(
          atUs,
          deviceOf(history, 'alice'),
          { method: 'send', conversation: 'd1', hash: ghost },
          { result: 'ok', seq: longestFinal(history, 'd1').lastSeq + 1 },
        ),
      ),
  },
  {
    rule: 1,
    name: 'an acknowledged send is stored twice',
    plant: (history) => {
      const { asked } = need(
        singleSends(history).find((send) => send.asked.conversation === 'd1'),
        'send in d1',
      );
      return appendMessage(history, 'd1', { hash: asked.hash ?? '', sender: asked.user });
    },
  },
  {
    rule: 2,
    name: 'a refused send is stored',
    plant: (history) => {
      const alice = deviceOf(history, 'alice');
      const refused = beforeRest(history, (atUs) =>
        ask(
          atUs,
          alice,
          { method: 'send', conversation: 'd1', hash: ghost },
          { result: 'error', code: 'notFound', settles: true },
        ),
      );
      return appendMessage(refused, 'd1', { hash: ghost, sender: 'alice' });
    },
  },
  {
    rule: 2,
    name: 'a send of unknown outcome is stored twice',
    plant: (history) => {
      const alice = deviceOf(history, 'alice');
      const unknown = beforeRest(history, (atUs) => [
        ...ask(atUs, alice, { method: 'send', conversation: 'd1', hash: ghost }, { result: 'unknown' }),
        { type: 'abandoned', atUs, device: alice.device, command: `planted-${alice.device}-send` },
      ]);
      const message = { hash: ghost, sender: 'alice' };
      return appendMessage(appendMessage(unknown, 'd1', message), 'd1', message);
    },
  },
  {
    rule: 3,
    name: 'a message stands in the log that nobody sent',
    plant: (history) => appendMessage(history, 'd1', { hash: ghost, sender: 'alice' }),
  },
  {
    rule: 3,
    name: 'a change stands in the log that nobody asked for',
    plant: (history) =>
      appendMessage(history, 'g1', { hash: ghost, sender: 'alice', change: { action: 'renamed', users: [] } }),
  },
  {
    rule: 3,
    name: 'a message comes from somebody else',
    plant: (history) => {
      const { asked, seq } = need(
        singleSends(history).find((send) => send.asked.conversation === 'd1' && send.asked.user === 'alice'),
        'send of alice',
      );
      return everywhere(history, asked.conversation ?? '', seq, (item) => ({ ...item, sender: 'bob' }));
    },
  },
  {
    rule: 3,
    name: 'a member does not read a message of the past',
    plant: (history) => {
      // What has been read already, so that what is unread stays right.
      const rest = need(
        all(history, 'rest').find(({ rows }) =>
          rows.some((row) => row.leaveSeq === undefined && row.readSeq > row.joinSeq),
        ),
        'read message',
      );
      const row = need(
        rest.rows.find(({ leaveSeq, readSeq, joinSeq }) => leaveSeq === undefined && readSeq > joinSeq),
        'read message',
      );
      const { user } = rest;
      const final = need(
        all(history, 'final').find((event) => event.conversation === row.conversation && event.user === user),
        'final log',
      );
      return replace(history, final, { ...final, items: final.items.filter(({ seq }) => seq !== row.readSeq) });
    },
  },
  {
    rule: 4,
    name: 'a page shows another text',
    plant: (history) => {
      const page = need(
        all(history, 'page').find(({ items }) => items.some((item) => (item.revision ?? 0) === 0)),
        'page',
      );
      const seq = page.items.find((item) => (item.revision ?? 0) === 0)?.seq;
      return replace(history, page, {
        ...page,
        items: page.items.map((item) => (item.seq === seq ? { ...item, hash: ghost } : item)),
      });
    },
  },
  {
    rule: 4,
    name: 'an edit is seen and then the text before it',
    plant: (history) => {
      const final = need(
        all(history, 'final').find(({ items }) => items.some((item) => item.revision === 1)),
        'edited message',
      );
      const item = need(
        final.items.find(({ revision }) => revision === 1),
        'edited message',
      );
      const older: Item = { seq: item.seq, revision: 0 };
      return replace(history, final, final, {
        ...final,
        type: 'page',
        askedAtUs: final.atUs + 1,
        atUs: final.atUs + 1,
        via: 'text',
        items: [older],
      });
    },
  },
  {
    rule: 4,
    name: 'an acknowledged edit is undone',
    plant: (history) => {
      const { answered } = need(
        singleExchanges(history).find(
          (exchange) => exchange.asked.method === 'edit' && exchange.answered.result === 'ok',
        ),
        'edit',
      );
      return replace(history, answered, { ...answered, revision: (answered.revision ?? 0) + 50 });
    },
  },
];

export const ORDER_PLANTS: readonly Plant[] = [
  {
    rule: 5,
    name: 'a send is stored before one that was answered before it was asked',
    plant: (history) => {
      const sends = singleSends(history);
      const pair = sends.flatMap((late) =>
        sends
          .filter(
            (early) => early.asked.conversation === late.asked.conversation && early.asked.device !== late.asked.device,
          )
          .filter((early) => early.seq > late.seq && early.answered.atUs < late.answered.atUs)
          .map(() => late),
      )[0];
      const late = need(pair, 'two sends that overlapped');
      const without = history.filter((event) => event !== late.asked);
      return replace(without, late.answered, { ...late.asked, atUs: late.answered.atUs }, late.answered);
    },
  },
  {
    rule: 6,
    name: 'two sends of an outbox are stored the other way round',
    plant: (history) => {
      const sends = singleSends(history);
      const pair = sends.flatMap((first) =>
        sends
          .filter(
            ({ asked }) =>
              asked.outbox === first.asked.outbox &&
              asked.entity === first.asked.entity &&
              asked.n === (first.asked.n ?? 0) + 1,
          )
          .filter(({ asked }) => asked.atUs < first.answered.atUs)
          .map((second) => [first.asked, second.asked] as const),
      )[0];
      const [first, second] = need(pair, 'two sends of one outbox under way together');
      return replace(replace(history, first, { ...first, n: second.n ?? 0 }), second, { ...second, n: first.n ?? 0 });
    },
  },
  {
    rule: 6,
    name: 'a number of an outbox is left out',
    plant: (history) => {
      const highest = new Map<string, number>();
      for (const { outbox, entity, n } of all(history, 'asked'))
        highest.set(`${outbox} ${entity}`, Math.max(n ?? 0, highest.get(`${outbox} ${entity}`) ?? 0));
      const { asked } = need(
        singleSends(history).find((send) => highest.get(`${send.asked.outbox} ${send.asked.entity}`) === send.asked.n),
        'last send of an outbox',
      );
      return replace(history, asked, { ...asked, n: (asked.n ?? 0) + 1 });
    },
  },
  {
    rule: 11,
    name: 'a repeated command gets another place',
    plant: (history) => {
      const seen = new Set<string>();
      const commands = new Map(all(history, 'asked').map((event) => [event.attempt, event]));
      const again = all(history, 'answered').find((event) => {
        const command = commands.get(event.attempt);
        if (command?.method !== 'send' || event.result !== 'ok') return false;
        return seen.size === seen.add(command.command).size;
      });
      const repeated = need(again, 'repeat that was answered ok');
      return replace(history, repeated, { ...repeated, seq: (repeated.seq ?? 0) + 1 });
    },
  },
  {
    rule: 11,
    name: 'a refused command is carried out when it is repeated',
    plant: (history) => {
      const alice = deviceOf(history, 'alice');
      const seq = longestFinal(history, 'd1').lastSeq + 1;
      const planted = beforeRest(history, (atUs) => {
        const refusal = { result: 'error', code: 'notFound', settles: true } as const;
        const [asked, answered] = ask(atUs, alice, { method: 'send', conversation: 'd1', hash: ghost }, refusal);
        if (asked?.type !== 'asked' || answered === undefined) return [];
        return [
          { ...asked, atUs: atUs - 2 },
          { ...answered, atUs: atUs - 1 },
          { ...asked, attempt: 'planted-again' },
          { type: 'answered', atUs, device: alice.device, attempt: 'planted-again', result: 'ok', seq },
        ];
      });
      return appendMessage(planted, 'd1', { hash: ghost, sender: 'alice' });
    },
  },
  {
    rule: 11,
    name: 'an altered command is not told of the conflict',
    plant: (history) => {
      const conflict = need(
        all(history, 'answered').find(({ code }) => code === 'conflict'),
        'conflict',
      );
      return replace(history, conflict, { ...conflict, code: 'forbidden' });
    },
  },
  {
    rule: 11,
    name: 'an altered command makes a second message',
    plant: (history) => {
      const alice = deviceOf(history, 'alice');
      const seq = longestFinal(history, 'd1').lastSeq + 1;
      const first = hashOf('the first content');
      const planted = beforeRest(history, (atUs) => {
        const [asked, answered] = ask(
          atUs,
          alice,
          { method: 'send', conversation: 'd1', hash: first },
          { result: 'ok', seq },
        );
        if (asked?.type !== 'asked' || answered === undefined) return [];
        const altered = { ...asked, attempt: 'planted-again', command: 'planted-altered', hash: ghost };
        return [
          { ...asked, atUs: atUs - 2 },
          { ...answered, atUs: atUs - 1 },
          altered,
          { type: 'answered', atUs, device: alice.device, attempt: 'planted-again', result: 'unknown' },
          { type: 'abandoned', atUs, device: alice.device, command: 'planted-altered' },
        ];
      });
      return appendMessage(appendMessage(planted, 'd1', { hash: first, sender: 'alice' }), 'd1', {
        hash: ghost,
        sender: 'alice',
      });
    },
  },
];
