import { expect, test } from 'bun:test';
import { alice, bob, carol, group } from '../../testing/people.ts';
import type { Delivery } from '../core/decision.ts';
import { createLinks } from './links.ts';
import type { Link, LinkItem, NodeMessage } from './messages.ts';

type Entry = Extract<Delivery, { kind: 'entry' }>;

/** Links over a bus that keeps what is sent. */
const openLinks = () => {
  const sent: { readonly to: string; readonly message: Link }[] = [];
  const links = createLinks(
    {
      node: 'owner',
      send: (to: string, message: NodeMessage) => {
        if (message.type === 'link') sent.push({ to, message });
        return true;
      },
      publish: () => undefined,
      listen: () => undefined,
      close: () => undefined,
    },
    3,
    'claim',
  );
  const items = (to: string): readonly LinkItem[] =>
    sent.filter((one) => one.to === to).flatMap(({ message }) => message.items);
  return { links, sent, items };
};

const entry = (fields: string, ...to: readonly (readonly [user: string, useq: number])[]): Entry => ({
  kind: 'entry',
  fields,
  to: to.map(([user]) => user),
  useqs: to.map(([, useq]) => useq),
});

test('an edge gets one message a turn, numbered from 1, and none when there is nothing for it [COM8]', () => {
  const { links, sent } = openLinks();
  links.route('a', alice, 'phone', true);
  links.route('b', bob, 'laptop', true);
  links.deliver([entry('x', [alice, 1]), entry('y', [alice, 2])]);
  links.flush();
  links.deliver([entry('z', [alice, 3], [bob, 1])]);
  links.flush();
  links.flush();
  expect(sent.map(({ to, message }) => [to, message.n, message.items.length])).toEqual([
    ['a', 1, 2],
    ['a', 2, 1],
    ['b', 1, 1],
  ]);
});

test('what several users of an edge get is one item, with those alone that it holds [COM8]', () => {
  const { links, items } = openLinks();
  for (const user of [alice, carol]) links.route('a', user, 'device', true);
  links.route('b', bob, 'device', true);
  const said = entry('x', [alice, 5], [bob, 9], [carol, 2]);
  links.deliver([said, entry('y', [alice, 6])]);
  links.flush();
  expect(items('a')).toEqual([entry('x', [alice, 5], [carol, 2]), entry('y', [alice, 6])]);
  expect(items('b')).toEqual([entry('x', [bob, 9])]);
});

test('entries that only look alike are items of their own [COM8]', () => {
  const { links, items } = openLinks();
  for (const user of [alice, bob]) links.route('a', user, 'device', true);
  const alike = [entry('x', [alice, 5]), entry('x', [bob, 9])];
  links.deliver(alike);
  links.flush();
  expect(items('a')).toEqual(alike);
});

test('a user on two edges is told on both, once on each however many devices it holds [COM8]', () => {
  const { links, items } = openLinks();
  links.route('a', alice, 'phone', true);
  links.route('a', alice, 'laptop', true);
  links.route('b', alice, 'tablet', true);
  links.deliver([entry('x', [alice, 1])]);
  links.flush();
  expect(items('a')).toHaveLength(1);
  expect(items('b')).toHaveLength(1);
});

test('an edge that no longer holds any device of a user is told nothing of it [COM8]', () => {
  const { links, items } = openLinks();
  links.route('a', alice, 'phone', true);
  links.route('a', alice, 'laptop', true);
  links.route('a', alice, 'phone', false);
  links.deliver([entry('x', [alice, 1])]);
  links.route('a', alice, 'laptop', false);
  links.deliver([entry('y', [alice, 2])]);
  links.flush();
  expect(items('a')).toMatchObject([{ fields: 'x' }]);
});

test('what the sending device gets instead goes with the item [MSG4]', () => {
  const { links, items } = openLinks();
  for (const user of [alice, bob]) links.route('a', user, 'phone', true);
  const sent = { user: bob, device: 'phone', fields: 's' };
  const said = { ...entry('x', [alice, 1], [bob, 1]), sent };
  links.deliver([said]);
  links.flush();
  expect(items('a')).toEqual([said]);
});

test('for each user the order of entries is kept, whatever comes in between [SYN1]', () => {
  const { links, items } = openLinks();
  for (const user of [alice, bob]) links.route('a', user, 'phone', true);
  links.deliver([
    entry('x', [alice, 1], [bob, 1]),
    entry('y', [alice, 2], [bob, 2]),
    { kind: 'revoked', user: alice, device: 'phone' },
    entry('x', [bob, 3], [alice, 3]),
  ]);
  links.flush();
  for (const user of [alice, bob]) {
    const numbers = items('a').flatMap((item) =>
      item.kind === 'entry' ? item.useqs.filter((_, i) => item.to[i] === user) : [],
    );
    expect(numbers).toEqual([1, 2, 3]);
  }
});

test('positions go to those who watch, with the watchers named [COM8]', () => {
  const { links, items } = openLinks();
  links.watch('a', group, alice, true);
  links.watch('a', group, bob, true);
  links.watch('b', group, carol, true);
  const positions = { kind: 'positions', conversation: group, read: { [carol]: 4 } } as const;
  links.deliver([positions]);
  links.watch('b', group, carol, false);
  links.unwatchAll(group, bob);
  links.deliver([positions]);
  links.flush();
  expect(items('a')).toEqual([
    { ...positions, to: [alice, bob] },
    { ...positions, to: [alice] },
  ]);
  expect(items('b')).toEqual([{ ...positions, to: [carol] }]);
});

test('who left a conversation is taken off every edge that watches it [COM8] [CON4]', () => {
  const { links, items } = openLinks();
  for (const edge of ['a', 'b', 'c']) links.watch(edge, group, bob, true);
  links.unwatchAll(group, bob);
  links.deliver([{ kind: 'positions', conversation: group, read: {} }]);
  links.flush();
  for (const edge of ['a', 'b', 'c']) expect(items(edge)).toEqual([]);
});

test('the last number is repeated to every edge that was told anything [COM8]', () => {
  const { links, sent } = openLinks();
  links.route('silent', bob, 'phone', true);
  links.push('a', { kind: 'result', ref: 1, result: '{}' });
  links.flush();
  links.repeat();
  links.repeat();
  expect(sent.map(({ to, message }) => [to, message.n, message.items.length])).toEqual([
    ['a', 1, 1],
    ['a', 1, 0],
    ['a', 1, 0],
  ]);
});

test('an edge that was taken for dead has lost its routes, and meets another link when it is told anything again [COM8]', () => {
  const { links, sent, items } = openLinks();
  links.route('a', alice, 'phone', true);
  links.watch('a', group, alice, true);
  links.deliver([entry('x', [alice, 1])]);
  links.flush();
  links.forget('a');
  links.deliver([entry('y', [alice, 2]), { kind: 'positions', conversation: group, read: {} }]);
  links.flush();
  links.repeat();
  expect(items('a')).toHaveLength(1);
  links.push('a', { kind: 'result', ref: 1, result: '{}' });
  links.flush();
  const [before, after] = sent.map(({ message }) => message.link);
  expect(before).not.toBe(after ?? '');
});
