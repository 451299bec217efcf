import type { KeyValue, Row, Store, StoreWriter } from '../ports/store.ts';
import { ask, tell, type Conduct } from './faults.ts';

interface Cell {
  readonly value: string;
  readonly stamp: number;
}

interface Shelf {
  readonly cells: Map<string, Cell>;
  /** Its keys in order; undefined after one was added or taken. */
  sorted: readonly string[] | undefined;
  /** Rows up to this stamp are gone. */
  droppedAt: number;
}

const NOTHING: readonly string[] = [];

/** How many of the sorted names are at or below `name` (or only below it). */
const countUpTo = (sorted: readonly string[], name: string, included: boolean): number => {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const found = sorted[middle] ?? '';
    if (found < name || (included && found === name)) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** Rows kept in memory, shared by the nodes of a world. Of two writes of a row the one with the higher stamp stays. */
export class MemoryRows {
  readonly #shelves = new Map<string, Shelf>();
  #sortedPartitions: readonly string[] | undefined;

  write(partition: string, rows: readonly KeyValue[], stamp: number): void {
    const shelf = this.#shelf(partition);
    if (stamp <= shelf.droppedAt) return;
    for (const { key, value } of rows) {
      const known = shelf.cells.get(key);
      if (known !== undefined && known.stamp > stamp) continue;
      if (known === undefined) shelf.sorted = undefined;
      shelf.cells.set(key, { value, stamp });
    }
  }

  drop(partition: string, stamp: number): void {
    const shelf = this.#shelf(partition);
    shelf.droppedAt = Math.max(shelf.droppedAt, stamp);
    shelf.sorted = undefined;
    for (const [key, cell] of shelf.cells) if (cell.stamp <= stamp) shelf.cells.delete(key);
  }

  get(partition: string, key: string): string | undefined {
    return this.#shelves.get(partition)?.cells.get(key)?.value;
  }

  range(partition: string, range: Parameters<Store['range']>[1]): readonly KeyValue[] {
    const shelf = this.#shelves.get(partition);
    if (shelf === undefined) return [];
    const keys = this.#keys(shelf);
    const from = range.after === undefined ? 0 : countUpTo(keys, range.after, true);
    const to = range.before === undefined ? keys.length : countUpTo(keys, range.before, false);
    if (from >= to) return [];
    const chosen =
      range.reverse === true
        ? keys.slice(Math.max(from, to - range.limit), to).toReversed()
        : keys.slice(from, Math.min(to, from + range.limit));
    return chosen.map((key) => ({ key, value: shelf.cells.get(key)?.value ?? '' }));
  }

  /** Rows behind the place `after` names, in the order of partition and key. */
  scan(after: string | undefined, limit: number): Awaited<ReturnType<Store['scan']>> {
    // No name holds a space, so a place is the two names around one.
    const [partition, key] = after?.split(' ') ?? [];
    this.#sortedPartitions ??= [...this.#shelves.keys()].toSorted();
    const partitions = this.#sortedPartitions;
    const rows: Row[] = [];
    for (let i = partition === undefined ? 0 : countUpTo(partitions, partition, false); i < partitions.length; i++) {
      const name = partitions[i] ?? '';
      const shelf = this.#shelves.get(name);
      const keys = shelf === undefined ? NOTHING : this.#keys(shelf);
      for (let j = name === partition && key !== undefined ? countUpTo(keys, key, true) : 0; j < keys.length; j++) {
        const found = keys[j] ?? '';
        rows.push({ partition: name, key: found, value: shelf?.cells.get(found)?.value ?? '' });
        if (rows.length === limit) return { rows, next: `${name} ${found}` };
      }
    }
    return { rows, next: undefined };
  }

  #shelf(partition: string): Shelf {
    let shelf = this.#shelves.get(partition);
    if (shelf === undefined) {
      shelf = { cells: new Map(), sorted: undefined, droppedAt: 0 };
      this.#shelves.set(partition, shelf);
      this.#sortedPartitions = undefined;
    }
    return shelf;
  }

  #keys(shelf: Shelf): readonly string[] {
    // Names are ASCII, so the order of UTF-16 units is that of bytes.
    shelf.sorted ??= [...shelf.cells.keys()].toSorted();
    return shelf.sorted;
  }
}

/** A store over shared rows as one node sees it; without a conduct it answers at once and rightly. */
export const openMemoryStore = (rows: MemoryRows, conduct?: Conduct): Store & StoreWriter => ({
  get: (partition, key) => ask(conduct, () => rows.get(partition, key)),
  // Rows of several partitions are no snapshot: under a conduct each partition is asked for itself.
  getMany: async (refs) => {
    const partitions = [...new Set(refs.map(({ partition }) => partition))];
    const found = await Promise.all(
      partitions.map((partition) =>
        ask(conduct, () => refs.map((ref) => (ref.partition === partition ? rows.get(partition, ref.key) : undefined))),
      ),
    );
    return refs.map((ref, i) => found[partitions.indexOf(ref.partition)]?.[i]);
  },
  range: (partition, range) => ask(conduct, () => rows.range(partition, range)),
  scan: (after, limit) => ask(conduct, () => rows.scan(after, limit)),
  write: (partition, changes, stamp) =>
    tell(
      conduct,
      () => {
        rows.write(partition, changes, stamp);
        return 'stored';
      },
      'unknown',
    ),
  drop: (partition, stamp) =>
    tell(
      conduct,
      () => {
        rows.drop(partition, stamp);
        return 'stored';
      },
      'unknown',
    ),
});
