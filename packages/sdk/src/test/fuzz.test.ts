/**
 * Cuts, drops, delays and restarts at random. A failing seed is printed; `DUOLOG_FUZZ_SEED` runs it alone,
 * `DUOLOG_FUZZ_SEEDS` says how many to run.
 */
import { expect, test } from 'bun:test';
import { DuologError } from '@duolog/protocol';
import { memoryCache } from '../cache/memory.ts';
import type { Client } from '../client.ts';
import type { Sending } from '../sending.ts';
import { settle } from '../testing/index.ts';
import { newStage, textsOn } from './stage.ts';

/** mulberry32: small, and the same everywhere. */
const randomOf = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
};

interface Run {
  readonly expected: string[];
  readonly failed: string[];
  readonly unknowns: number;
}

const run = async (seed: number): Promise<Run> => {
  const random = randomOf(seed);
  const stage = newStage({ entriesFirst: random() < 0.5 });
  const { server, clock, alice, bob, direct } = stage;
  const cache = memoryCache();
  const expected: string[] = [];
  const failed: string[] = [];
  let unknowns = 0;
  let calm = false;
  server.traffic = () => {
    if (calm) return 'pass';
    const dice = random();
    if (dice < 0.03) queueMicrotask(() => server.cut());
    return dice < 0.06 ? 'drop' : dice < 0.12 ? 'hold' : 'pass';
  };
  server.script('message.send', () => {
    if (calm) return undefined;
    const dice = random();
    if (dice < 0.05) return { error: new DuologError('overloaded', undefined, { retryAfterMs: 500 }) };
    if (dice < 0.08) return { error: new DuologError('unknown') };
    if (dice < 0.11) return 'lost';
    return dice < 0.14 ? 'mute' : undefined;
  });
  const start = async (): Promise<Client> => {
    const client = stage.client(alice, { cache, random });
    client.on('sending', (sending: Sending) => {
      if (sending.state.status === 'unknown') unknowns++;
      if (sending.state.status === 'failed' && sending.method === 'message.send')
        failed.push((sending.params as { text: string }).text);
    });
    await client.open();
    return client;
  };
  let client = await start();
  const other = stage.client(server.addDevice(alice.user), { random });
  await other.open();
  for (let step = 0; step < 40; step++) {
    const dice = random();
    if (dice < 0.6) {
      const text = `${seed}/${step}`;
      expected.push(text);
      client.send(direct, text);
    } else if (dice < 0.75) server.say(bob.user, direct, `bob ${step}`);
    else if (dice < 0.85) for (const { wire } of server.connections) wire?.release();
    else if (dice < 0.88) {
      await client.close();
      client = await start();
    } else if (dice < 0.9) server.expire(alice.user, server.user(alice.user).entries.length);
    await (random() < 0.5 ? settle() : clock.advance(random() * 4000));
  }
  calm = true;
  server.cut();
  await clock.advance(200_000);
  for (const device of [client, other]) {
    expect(device.state.status).toBe('live');
    expect(device.sendings()).toEqual([]);
    const window = device.history(direct);
    await window.latest();
    while (window.hasOlder) await window.older();
    expect(window.messages.map(({ text }) => text)).toEqual(textsOn(server, direct));
    expect(device.conversation(direct)?.lastSeq).toBe(server.conversation(direct).messages.length);
  }
  await clock.advance(5000);
  const views = [client, other].map((device) => device.conversation(direct));
  expect(views[0]).toEqual(views[1]);
  const own = textsOn(server, direct).filter((text) => !text?.startsWith('bob'));
  expect(own).toEqual(expected);
  await client.close();
  await other.close();
  return { expected, failed, unknowns };
};

test('under cuts, drops, delays and restarts every queued send ends exactly once, in order [COM10]', async () => {
  const only = process.env['DUOLOG_FUZZ_SEED'];
  const seeds =
    only === undefined
      ? Array.from({ length: Number(process.env['DUOLOG_FUZZ_SEEDS'] ?? 25) }, (_, i) => i + 1)
      : [Number(only)];
  let unknowns = 0;
  for (const seed of seeds) {
    try {
      const result = await run(seed);
      unknowns += result.unknowns;
      expect(result.failed).toEqual([]);
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause });
    }
  }
  // A run without a lost answer proves nothing.
  expect(unknowns).toBeGreaterThan(seeds.length);
}, 300_000);
