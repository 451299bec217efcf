import { expect, test } from 'bun:test';
import { alice, bob, carol, group } from '../../testing/people.ts';
import type { Delivery } from '../core/decision.ts';
import { createLinks } from './links.ts';
import type { Link, LinkItem, NodeMessage } from './messages.ts';

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

/** One message by the name of its text. */
const said = new Map<string, object>();
const entry = (user: string, useq: number, fields: string): Delivery => {
  const shared = said.get(fields) ?? {};
  said.set(fields, shared);
  return { kind: 'entry', user, useq, fields, shared };
};

test('an edge gets one message a turn, numbered from 1, and none when there is nothing for it [COM8]', () => {
  const { links, sent } = openLinks();
  links.route('a', alice, 'phone', true);
  links.route('b', bob, 'laptop', true);
  links.deliver([entry(alice, 1, 'x'), entry(alice, 2, 'y')]);
  links.flush();
  links.deliver([entry(alice, 3, 'z'), entry(bob, 1, 'z')]);
  links.flush();
  links.flush();
  expect(sent.map(({ to, message }) => [to, message.n, message.items.length])).toEqual([
    ['a', 1, 2],
    ['a', 2, 1],
    ['b', 1, 1],
  ]);
});

test('what several users of an edge get is one item with its text once [COM8]', () => {
  const { links, items } = openLinks();
  for (const user of [alice, bob, carol]) links.route('a', user, 'device', true);
  links.deliver([entry(alice, 5, 'x'), entry(bob, 9, 'x'), entry(carol, 2, 'x'), entry(alice, 6, 'y')]);
  links.flush();
  expect(items('a')).toEqual([
    {
      kind: 'entry',
      fields: 'x',
      to: [
        [alice, 5],
        [bob, 9],
        [carol, 2],
      ],
    },
    { kind: 'entry', fields: 'y', to: [[alice, 6]] },
  ]);
});

test('entries that only look alike are items of their own [COM8]', () => {
  const { links, items } = openLinks();
  for (const user of [alice, bob]) links.route('a', user, 'device', true);
  links.deliver([
    { kind: 'entry', user: alice, useq: 5, fields: 'x' },
    { kind: 'entry', user: bob, useq: 9, fields: 'x' },
  ]);
  links.flush();
  expect(items('a')).toEqual([
    { kind: 'entry', fields: 'x', to: [[alice, 5]] },
    { kind: 'entry', fields: 'x', to: [[bob, 9]] },
  ]);
});

test('a user on two edges is told on both, once on each however many devices it holds [COM8]', () => {
  const { links, items } = openLinks();
  links.route('a', alice, 'phone', true);
  links.route('a', alice, 'laptop', true);
  links.route('b', alice, 'tablet', true);
  links.deliver([entry(alice, 1, 'x')]);
  links.flush();
  expect(items('a')).toHaveLength(1);
  expect(items('b')).toHaveLength(1);
});

test('an edge that no longer holds any device of a user is told nothing of it [COM8]', () => {
  const { links, items } = openLinks();
  links.route('a', alice, 'phone', true);
  links.route('a', alice, 'laptop', true);
  links.route('a', alice, 'phone', false);
  links.deliver([entry(alice, 1, 'x')]);
  links.route('a', alice, 'laptop', false);
  links.deliver([entry(alice, 2, 'y')]);
  links.flush();
  expect(items('a')).toMatchObject([{ fields: 'x' }]);
});

test('the entry of the sending device is an item of its own; the others share theirs, before and after it [MSG4]', () => {
  const { links, items } = openLinks();
  for (const user of [alice, bob, carol]) links.route('a', user, 'phone', true);
  const sent = { device: 'phone', fields: 's' };
  links.deliver([entry(alice, 1, 'x'), { kind: 'entry', user: bob, useq: 1, fields: 'x', sent }, entry(carol, 1, 'x')]);
  links.flush();
  expect(items('a')).toEqual([
    {
      kind: 'entry',
      fields: 'x',
      to: [
        [alice, 1],
        [carol, 1],
      ],
    },
    { kind: 'entry', fields: 'x', sent, to: [[bob, 1]] },
  ]);
});

test('for each user the order of entries is kept, whatever is shared [SYN1]', () => {
  const { links, items } = openLinks();
  for (const user of [alice, bob]) links.route('a', user, 'phone', true);
  const sent = { device: 'phone', fields: 's' };
  links.deliver([
    entry(alice, 1, 'x'),
    entry(bob, 1, 'x'),
    { kind: 'entry', user: alice, useq: 2, fields: 'y', sent },
    entry(bob, 2, 'y'),
    { kind: 'revoked', user: alice, device: 'phone' },
    entry(alice, 3, 'x'),
    entry(bob, 3, 'x'),
  ]);
  links.flush();
  for (const user of [alice, bob]) {
    const numbers = items('a').flatMap((item) =>
      item.kind === 'entry' ? item.to.filter(([who]) => who === user).map(([, useq]) => useq) : [],
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
  links.deliver([entry(alice, 1, 'x')]);
  links.flush();
  links.forget('a');
  links.deliver([entry(alice, 2, 'y'), { kind: 'positions', conversation: group, read: {} }]);
  links.flush();
  links.repeat();
  expect(items('a')).toHaveLength(1);
  links.push('a', { kind: 'result', ref: 1, result: '{}' });
  links.flush();
  const [before, after] = sent.map(({ message }) => message.link);
  expect(before).not.toBe(after ?? '');
});
