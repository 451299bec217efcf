import { expect, test } from 'bun:test';
import type { Alive } from '../../pump/messages.ts';
import { OWN_ADDRESS, chooseServers } from './discovery.ts';
import { allowsOrigin } from './origins.ts';
import { isFromHere, peerOf, rateKeyOf } from './remote-address.ts';

const alive = (node: string, facts: Partial<Alive>): Alive => ({
  type: 'alive',
  node,
  roles: ['gateway'],
  version: '0',
  formats: [1],
  address: `wss://${node}.example`,
  load: 0,
  draining: false,
  at: 0,
  owns: [],
  ...facts,
});

/** A small generator (mulberry32), so that a failing run can be repeated. */
const seeded = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
};

test('discovery names up to three different gateways that live and do not drain [API9]', () => {
  const nodes = [
    alive('a', {}),
    alive('b', { draining: true }),
    alive('c', {}),
    alive('d', {}),
    alive('e', { roles: ['api', 'worker'] }),
    alive('f', {}),
  ];
  for (let seed = 0; seed < 200; seed++) {
    const found = chooseServers(nodes, seeded(seed));
    expect(new Set(found).size).toBe(3);
    for (const address of found) expect(address).toMatch(/^wss:\/\/[acdf]\.example$/);
  }
  expect(chooseServers([alive('b', { draining: true })], seeded(1))).toEqual([]);
  const { address: _none, ...nameless } = alive('a', {});
  expect(chooseServers([nameless], seeded(1))).toEqual([OWN_ADDRESS]);
});

test('discovery prefers the less loaded of two, so the fullest gateway comes first least often [API9]', () => {
  const nodes = [alive('a', { load: 10 }), alive('b', { load: 20 }), alive('c', { load: 30 })];
  const random = seeded(7);
  const firsts = Array.from({ length: 3_000 }, () => chooseServers(nodes, random)[0]);
  const share = (name: string): number =>
    firsts.filter((first) => first === `wss://${name}.example`).length / firsts.length;
  // Two draws with putting back: 5/9, 3/9, 1/9.
  expect(share('a')).toBeCloseTo(5 / 9, 1);
  expect(share('b')).toBeCloseTo(3 / 9, 1);
  expect(share('c')).toBeCloseTo(1 / 9, 1);
});

test('X-Forwarded-For is believed from named proxies alone, and only as far as they wrote it [API13]', () => {
  const headers = new Headers({ 'x-forwarded-for': '6.6.6.6, 5.5.5.5, 10.0.0.2', 'x-forwarded-proto': 'https' });
  expect(peerOf(headers, '9.9.9.9', ['10.0.0.1'])).toEqual({ address: '9.9.9.9', secure: false });
  expect(peerOf(headers, '::ffff:10.0.0.1', ['10.0.0.1', '10.0.0.2'])).toEqual({ address: '5.5.5.5', secure: true });
  expect(peerOf(new Headers(), '10.0.0.1', ['10.0.0.1'])).toEqual({ address: '10.0.0.1', secure: false });
});

test.each([
  ['1.2.3.4', '1.2.3.4'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:ffff::1', '2001:db8:1:2::/64'],
  ['2001:0db8:0001::1', '2001:db8:1:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('the rate limits of %s are those of %s [API6]', (address, key) => {
  expect(rateKeyOf(address)).toBe(key);
});

const rules = { origins: ['https://web.example'], url: 'wss://chat.example' };
test.each([
  ['https://web.example', 'other.example', true],
  ['https://WEB.example', 'other.example', true],
  ['https://chat.example', '10.0.0.1:8080', true],
  ['http://10.0.0.1:8080', '10.0.0.1:8080', true],
  ['https://10.0.0.1:8080', '10.0.0.1:8080', true],
  ['http://10.0.0.1:5173', '10.0.0.1:8080', false],
  ['https://evil.example', 'chat.example', false],
  ['https://web.example.evil', 'chat.example', false],
  ['null', 'chat.example', false],
  ['', 'chat.example', false],
])('a page of %s at host %s may use the server: %p [API7]', (origin, host, may) => {
  expect(allowsOrigin(rules, origin, host)).toBe(may);
});

test('* allows all origins [API7]', () => {
  expect(allowsOrigin({ origins: ['*'] }, 'null', null)).toBe(true);
});

test.each<[string, Record<string, string>, boolean]>([
  ['127.0.0.1', {}, true],
  ['127.9.9.9', {}, true],
  ['::1', {}, true],
  ['10.0.0.1', {}, false],
  ['127.0.0.1.evil.example', {}, false],
  ['', {}, false],
  // A proxy of this machine that is not named in the settings.
  ['127.0.0.1', { 'x-forwarded-for': '9.9.9.9' }, false],
  ['127.0.0.1', { forwarded: 'for=9.9.9.9' }, false],
  ['127.0.0.1', { via: '1.1 proxy' }, false],
  ['127.0.0.1', { 'x-real-ip': '9.9.9.9' }, false],
  // Pages, such as one whose name was made to mean this machine.
  ['127.0.0.1', { origin: 'https://evil.example' }, false],
  ['127.0.0.1', { 'sec-fetch-site': 'cross-site' }, false],
  ['127.0.0.1', { 'sec-fetch-site': 'same-origin', host: 'evil.example:8080' }, false],
  ['127.0.0.1', { 'sec-fetch-site': 'same-origin', host: '127.0.0.1.evil.example' }, false],
  ['127.0.0.1', { 'sec-fetch-site': 'same-origin', host: 'localhost:8080' }, true],
  ['::1', { 'sec-fetch-site': 'same-origin', host: '[::1]:8080' }, true],
  ['127.0.0.1', { 'sec-fetch-site': 'none' }, true],
])('who comes from %j with %o comes from the same machine: %p [OPS9]', (address, headers, isHere) => {
  expect(isFromHere(new Headers(headers), { address, secure: false })).toBe(isHere);
});
