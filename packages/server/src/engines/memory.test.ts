import { describe, expect, test } from 'bun:test';
import { fuzzJournal } from '../../testing/journal-fuzz.ts';
import { MemoryNetwork } from './bus-memory.ts';
import { ManualClock } from './clock-manual.ts';
import { CALM, Faults, ROUGH, ask, seededRandom, tell } from './faults.ts';
import type { FaultRates } from './faults.ts';
import { MemoryJournal, openMemoryJournal } from './journal-memory.ts';

describe('the manual clock', () => {
  test('callbacks of one time come in the order of asking, between them all promises settle', async () => {
    const clock = new ManualClock();
    const calls: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      clock.after(10, () => {
        calls.push(name);
        void Promise.resolve()
          .then(() => undefined)
          .then(() => calls.push(`${name} settled`));
      });
    }
    await clock.advance(10);
    expect(calls).toEqual(['a', 'a settled', 'b', 'b settled', 'c', 'c settled']);
  });

  test('many timers come in order', async () => {
    const clock = new ManualClock();
    const random = seededRandom(3);
    const times: number[] = [];
    for (let i = 0; i < 500; i++) {
      const timer = clock.after(random() * 1_000, () => times.push(clock.monotonic()));
      if (i % 5 === 0) timer.cancel();
    }
    await clock.advance(1_000);
    expect(times.length).toBe(400);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(clock.monotonic()).toBe(1_000);
  });

  test('waiting for what never comes fails instead of standing still', async () => {
    const clock = new ManualClock();
    expect(await clock.run(new Promise(() => undefined)).catch(() => 'failed')).toBe('failed');
  });

  test('a paused node hears nothing until it goes on, a stopped one never again', async () => {
    const clock = new ManualClock();
    const [paused, stopped] = [clock.view(), clock.view()];
    const calls: string[] = [];
    for (const [name, view] of [
      ['paused', paused],
      ['stopped', stopped],
    ] as const) {
      view.after(10, () => calls.push(`${name} 1`));
      view.after(20, () => calls.push(`${name} 2`));
    }
    await clock.advance(15);
    paused.pause();
    stopped.stop();
    await clock.advance(100);
    expect(calls).toEqual(['paused 1', 'stopped 1']);
    paused.resume();
    stopped.resume();
    await clock.advance(0);
    expect(calls).toEqual(['paused 1', 'stopped 1', 'paused 2']);
  });

  test('clocks of nodes are apart, run apart and jump', () => {
    const clock = new ManualClock(1_000_000);
    const view = clock.view(-500);
    expect(view.now()).toBe(999_500);
    view.jump(2_000);
    expect(view.now()).toBe(1_001_500);
    expect(view.monotonic()).toBe(clock.monotonic());
  });
});

describe('faults', () => {
  const conductOf = (rates: Partial<FaultRates>) => {
    const clock = new ManualClock();
    return {
      clock,
      conduct: { clock: clock.view(), world: clock, faults: new Faults(seededRandom(1), { ...CALM, ...rates }) },
    };
  };

  test('an unknown write is done, done later, or never done', async () => {
    for (const [rates, atOnce, later] of [
      [{ unknownDone: 1 }, 1, 1],
      [{ unknownLate: 1, lateMs: [100, 200] }, 0, 1],
      [{ unknownLost: 1 }, 0, 0],
      [{ doubled: 1, lateMs: [100, 200] }, 1, 2],
    ] as const) {
      const { clock, conduct } = conductOf(rates);
      let effects = 0;
      const outcome = await clock.run(tell<string>(conduct, () => `done ${++effects}`, 'unknown'));
      expect(outcome).toBe('doubled' in rates ? 'done 1' : 'unknown');
      expect(effects).toBe(atOnce);
      await clock.advance(300);
      expect(effects).toBe(later);
    }
  });

  test('what was sent takes effect though its sender died', async () => {
    const { clock, conduct } = conductOf({ delayMs: [5, 5] });
    let [effects, answers] = [0, 0];
    void tell(conduct, () => (effects += 1), 0).then(() => (answers += 1));
    conduct.clock.stop();
    await clock.advance(100);
    expect([effects, answers]).toEqual([1, 0]);
  });

  test('a read may be refused as unavailable', async () => {
    const { clock, conduct } = conductOf({ unavailable: 1 });
    expect(await clock.run(ask(conduct, () => 1).catch((error: unknown) => error))).toMatchObject({
      code: 'unavailable',
    });
  });

  test('a seed says everything: the same one runs the same world', async () => {
    for (const seed of [3, 8]) expect(await fuzzJournal(seed)).toEqual(await fuzzJournal(seed));
    expect(await fuzzJournal(3)).not.toEqual(await fuzzJournal(4));
  });
});

describe('the memory journal', () => {
  const bytes = new Uint8Array([1]);

  test('a stale read shows what was there some time ago', async () => {
    const clock = new ManualClock();
    const faults = new Faults(seededRandom(1), { ...CALM, stale: 1, staleMs: [1_000, 1_000] });
    const journal = openMemoryJournal(new MemoryJournal(), { clock, world: clock, faults });
    await clock.run(journal.append(0, 0, 'x', bytes));
    expect(await clock.run(journal.read(0, 0, 9))).toEqual([]);
    expect(await clock.run(journal.state(0))).toMatchObject({ first: 0, last: 0 });
    await clock.advance(1_000);
    expect((await clock.run(journal.read(0, 0, 9))).length).toBe(1);
  });

  test('an append is refused while a copy of it is under way', async () => {
    const clock = new ManualClock();
    const faults = new Faults(seededRandom(1), { ...CALM, unknownLate: 1, lateMs: [50, 50], refusedUnderWay: 1 });
    const journal = openMemoryJournal(new MemoryJournal(), { clock, world: clock, faults });
    expect(await clock.run(journal.append(0, 0, 'x', bytes))).toEqual({ kind: 'unknown' });
    faults.rates = { ...faults.rates, unknownLate: 0 };
    expect(await clock.run(journal.append(0, 0, 'x', bytes))).toEqual({ kind: 'refused' });
    await clock.advance(60);
    expect(await clock.run(journal.append(0, 0, 'x', bytes))).toEqual({ kind: 'stored', position: 1 });
  });
});

describe('the memory network', () => {
  const network = (rates: Partial<FaultRates> = {}) => {
    const clock = new ManualClock();
    const faults = new Faults(seededRandom(2), { ...CALM, delayMs: [0, 20], ...rates });
    const net = new MemoryNetwork<number>({ world: clock, faults });
    const open = (name: string) => {
      const view = clock.view();
      const bus = net.open(name, view);
      const got: number[] = [];
      bus.listen((_from, message) => got.push(message));
      return { bus, got, view };
    };
    return { clock, faults, net, open };
  };

  test('messages get lost and doubled as often as it is told, never those to oneself', async () => {
    const { clock, open } = network({ messageLost: 0.2, messageDoubled: 0.2, lateMs: [1, 50] });
    const [a, b] = [open('a'), open('b')];
    for (let n = 0; n < 500; n++) {
      a.bus.send('b', n);
      a.bus.send('a', n);
    }
    await clock.advance(1_000);
    const distinct = new Set(b.got);
    expect(a.got).toEqual(Array.from({ length: 500 }, (_, n) => n));
    expect(distinct.size).toBeLessThan(450);
    expect(distinct.size).toBeGreaterThan(350);
    expect(b.got.length).toBeGreaterThan(distinct.size + 40);
  });

  test('messages of different senders overtake each other', async () => {
    const { clock, open } = network();
    const [a, b, c] = [open('a'), open('b'), open('c')];
    for (let n = 0; n < 50; n++) (n % 2 === 0 ? a : b).bus.send('c', n);
    await clock.advance(100);
    expect(c.got.length).toBe(50);
    expect(c.got).not.toEqual(c.got.toSorted((x, y) => x - y));
  });

  test('nodes that are cut off hear nothing until it is healed, one way or both', async () => {
    const { clock, net, open } = network();
    const [a, b] = [open('a'), open('b')];
    net.cut('a', 'b');
    a.bus.send('b', 1);
    a.bus.publish(2);
    b.bus.send('a', 3);
    await clock.advance(100);
    expect([new Set(a.got), b.got]).toEqual([new Set([2, 3]), []]);
    net.heal('a', 'b');
    a.bus.send('b', 4);
    await clock.advance(100);
    expect(b.got).toEqual([4]);
  });

  test('a paused node gets what came when it goes on, in order; a dead one nothing', async () => {
    const { clock, open } = network();
    const [a, paused, dead] = [open('a'), open('paused'), open('dead')];
    paused.view.pause();
    dead.view.stop();
    for (let n = 0; n < 20; n++) {
      a.bus.send('paused', n);
      a.bus.send('dead', n);
    }
    await clock.advance(1_000);
    expect(paused.got).toEqual([]);
    paused.view.resume();
    a.bus.send('paused', 20);
    await clock.advance(1_000);
    expect(paused.got).toEqual(Array.from({ length: 21 }, (_, n) => n));
    expect(dead.got).toEqual([]);
  });

  test('the rough measure has every fault in it', () => {
    const quiet = Object.entries(ROUGH).filter(([, rate]) => rate === 0 || (Array.isArray(rate) && rate[1] === 0));
    expect(quiet).toEqual([]);
  });
});
