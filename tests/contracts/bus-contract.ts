/** The contract of `Bus` as tests: each sentence of ports/bus.ts, run over every engine. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { Bus } from '../../packages/server/src/ports/bus.ts';
import { isNever } from './states.ts';
import type { Never } from './states.ts';

/** A network without nodes at first, that loses nothing by itself. */
export interface BusSubject {
  open(node: string): Bus<unknown>;
  /** Resolves once all that is under way has arrived. */
  arrived(): Promise<void>;
  /** The engine says that it calls the listener from within `send`. */
  readonly direct: boolean;
  /** For so many messages to one node, sent before any of them arrives, there is no room. */
  readonly tooMany: number | Never;
  close(): Promise<void>;
}

/** Runs the contract of `Bus` over an engine. `makeSubject` is called before every test. */
export const busContract = (engine: string, makeSubject: () => Promise<BusSubject>): void => {
  describe(`${engine} keeps the contract of Bus`, () => {
    let subject: BusSubject;
    beforeEach(async () => {
      subject = await makeSubject();
    });
    afterEach(() => subject.close());

    /** A node that writes down what it gets. */
    const node = (name: string): { readonly bus: Bus<unknown>; readonly got: (readonly [string, unknown])[] } => {
      const got: (readonly [string, unknown])[] = [];
      const bus = subject.open(name);
      bus.listen((from, message) => got.push([from, message]));
      return { bus, got };
    };

    test('a message goes to its node alone and tells who sent it', async () => {
      const [a, b, c] = [node('a'), node('b'), node('c')];
      expect(a.bus.node).toBe('a');
      expect(a.bus.send('b', { n: 1 })).toBe(true);
      await subject.arrived();
      expect(b.got).toEqual([['a', { n: 1 }]]);
      expect([a.got, c.got]).toEqual([[], []]);
    });

    test('a node may send to itself', async () => {
      const a = node('a');
      expect(a.bus.send('a', 'hello')).toBe(true);
      await subject.arrived();
      expect(a.got).toEqual([['a', 'hello']]);
    });

    test('what is published reaches every node that listens, oneself included', async () => {
      const [a, b, c] = [node('a'), node('b'), node('c')];
      b.bus.publish({ alive: true });
      await subject.arrived();
      for (const { got } of [a, b, c]) expect(got).toEqual([['b', { alive: true }]]);
    });

    test('plain data arrives as it was sent', async () => {
      const [a, b] = [node('a'), node('b')];
      const message = {
        text: 'ÄÖ中文\u{1F600}\u0000"\\',
        list: [1, -2.5, 1_767_225_605_080_484, true, null, []],
        deep: { x: { y: 'z' } },
      };
      a.bus.send('b', message);
      a.bus.send('b', 'x'.repeat(900_000));
      await subject.arrived();
      expect(b.got[0]).toEqual(['a', message]);
      expect(b.got[1]?.[1] === 'x'.repeat(900_000)).toBe(true);
    });

    test('messages of one sender to one node arrive in order, each at most once', async () => {
      const [a, b, c] = [node('a'), node('b'), node('c')];
      for (let n = 0; n < 300; n++) {
        a.bus.send('c', n);
        b.bus.send('c', n);
        if (n % 10 === 0) a.bus.publish(n + 0.5);
      }
      await subject.arrived();
      for (const name of ['a', 'b']) {
        const numbers = c.got.flatMap(([from, message]) =>
          from === name && typeof message === 'number' ? [message] : [],
        );
        expect(numbers).toEqual(numbers.toSorted((x, y) => x - y));
        expect(new Set(numbers).size).toBe(numbers.length);
        expect(numbers.length).toBe(name === 'a' ? 330 : 300);
      }
    });

    test('without room a message is refused and does not arrive, those before it do, and later there is room again [LIM9]', async () => {
      const [a, b] = [node('a'), node('b')];
      const most = isNever(subject.tooMany) ? 100_000 : subject.tooMany;
      let taken = 0;
      while (taken < most && a.bus.send('b', taken)) taken += 1;
      expect(taken === most).toBe(isNever(subject.tooMany));
      await subject.arrived();
      expect(a.bus.send('b', 'later')).toBe(true);
      await subject.arrived();
      expect(b.got.map(([, message]) => message)).toEqual([...Array.from({ length: taken }, (_, n) => n), 'later']);
    });

    test('a message to nobody is no error', async () => {
      const a = node('a');
      expect(typeof a.bus.send('nobody', 1)).toBe('boolean');
      a.bus.send('a', 2);
      await subject.arrived();
      expect(a.got).toEqual([['a', 2]]);
    });

    test('a node that left gets nothing and sends nothing', async () => {
      const [a, b] = [node('a'), node('b')];
      b.bus.close();
      a.bus.send('b', 1);
      a.bus.publish(2);
      b.bus.publish(3);
      b.bus.send('a', 4);
      await subject.arrived();
      expect(b.got).toEqual([]);
      expect(a.got).toEqual([['a', 2]]);
    });

    test('a listener is not called from within send or publish, unless the engine says so', async () => {
      const [a, b] = [node('a'), node('b')];
      a.bus.send('a', 1);
      a.bus.send('b', 1);
      a.bus.publish(2);
      const within = a.got.length + b.got.length;
      await subject.arrived();
      expect(a.got.length + b.got.length).toBe(4);
      expect(within).toBe(subject.direct ? 4 : 0);
    });

    test('an answer sent from within a listener arrives', async () => {
      const a = node('a');
      const b = subject.open('b');
      b.listen((from, message) => void b.send(from, { echo: message }));
      for (let n = 0; n < 50; n++) a.bus.send('b', n);
      await subject.arrived();
      expect(a.got).toEqual(Array.from({ length: 50 }, (_, n) => ['b', { echo: n }] as const));
    });
  });
};
