import { expect, test } from 'bun:test';
import { seededRandom } from '../engines/faults.ts';
import { createQueue } from './queue.ts';
import type { Item } from './queue.ts';
import { OWNER_LIMITS } from './settings.ts';

const limits = { ...OWNER_LIMITS, maxQueuedRequests: 40, maxQueuedParcels: 6, maxTurnRequests: 8 };

/** What tells an item from all others here. */
const nameOf = (item: Item): number => (item.kind === 'request' ? item.request.ref : item.stamp);

const requests = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({
    ref: first + i,
    soft: { kind: 'watch', conversation: 'c', user: 'u', on: true } as const,
  }));

const parcels = (first: number, count: number) => ({
  type: 'parcels' as const,
  source: 1,
  destination: 0,
  batches: Array.from({ length: count }, (_, i) => ({ stamp: first + i, parcels: [] })),
});

test('what is queued comes out in order, a turn at a time, whatever came together and whatever is put back [LIM9]', () => {
  const random = seededRandom(11);
  const queue = createQueue(limits);
  let model: Item[] = [];
  let next = 1;
  const names = new Map<number, Item['kind']>();
  const add = (kind: Item['kind'], count: number, taken: number): void => {
    for (let name = next; name < next + taken; name++) {
      names.set(name, kind);
      model.push(
        kind === 'request'
          ? { kind, edge: 'edge', request: requests(name, 1)[0] as never }
          : { kind, from: 'node', source: 1, stamp: name, parcels: [] },
      );
    }
    next += count;
  };
  for (let step = 0; step < 3_000; step++) {
    const count = Math.floor(random() * 14);
    const choice = random();
    if (choice < 0.4) {
      const room = Math.max(0, limits.maxQueuedRequests - model.length);
      const taken = queue.addRequests('edge', requests(next, count));
      expect(taken).toBe(Math.min(room, count));
      add('request', count, taken);
    } else if (choice < 0.55) {
      const queued = model.filter(({ kind }) => kind === 'parcels').length;
      queue.addParcels('node', parcels(next, count));
      add('parcels', count, Math.min(count, Math.max(0, limits.maxQueuedParcels - queued)));
    } else {
      const taken = queue.take();
      expect(taken.map(nameOf)).toEqual(model.slice(0, limits.maxTurnRequests).map(nameOf));
      expect(taken.map(({ kind }) => kind)).toEqual(taken.map((item) => names.get(nameOf(item)) as Item['kind']));
      const done = random() < 0.5 ? taken.length : Math.floor(random() * taken.length);
      if (done < taken.length) queue.putBack(taken.slice(done));
      model = model.slice(done);
    }
    expect(queue.length).toBe(model.length);
  }
  queue.clear();
  expect([queue.length, queue.take()]).toEqual([0, []]);
});
