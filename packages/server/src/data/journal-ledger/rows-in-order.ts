/** Brings the rows of batches to the Store, in the order that readers and owners rely on (COM1, COM3). */
import type { KeyValue, Row } from '../../ports/store.ts';
import type { Surroundings } from './surroundings.ts';
import { untilStored } from './surroundings.ts';

/** What of a batch concerns the Store. */
export interface StoredPart {
  readonly stamp: number;
  readonly rows: readonly Row[];
  readonly drops: readonly string[];
}

interface Share {
  readonly partition: string;
  /** Each key once: a row that a batch writes twice would have two values of one stamp. */
  readonly values: Map<string, string>;
  dropped: boolean;
}

/** The entity of a Store partition, and its place among that entity's: texts, then its own, then its buckets as they rise. */
const placeOf = (partition: string): { readonly entity: string; readonly rank: number } => {
  const slash = partition.indexOf('/', 2);
  const entity = slash < 0 ? partition : partition.slice(0, slash);
  if (partition.startsWith('t/')) return { entity: `c${entity.slice(1)}`, rank: -2 };
  return { entity, rank: slash < 0 ? -1 : Number(partition.slice(slash + 1)) };
};

/** The shares of a batch by entity, each in the order in which they must become readable. */
const sharesOf = (part: StoredPart): ReadonlyMap<string, readonly Share[]> => {
  const shares = new Map<string, Share>();
  const shareOf = (partition: string): Share => {
    let share = shares.get(partition);
    if (share === undefined) {
      share = { partition, values: new Map(), dropped: false };
      shares.set(partition, share);
    }
    return share;
  };
  for (const { partition, key, value } of part.rows) shareOf(partition).values.set(key, value);
  for (const partition of part.drops) shareOf(partition).dropped = true;
  const entities = Map.groupBy(shares.values(), ({ partition }) => placeOf(partition).entity);
  for (const inOne of entities.values()) inOne.sort((a, b) => placeOf(a.partition).rank - placeOf(b.partition).rank);
  return entities;
};

/**
 * Writes the rows of one owner's batches. An entity's rows of a batch wait for those of the batch before, so its log
 * never shows a number without those below; users wait for the conversations of the same batch, so an entry never
 * points to nothing. Everything else goes at once.
 */
export class RowsInOrder {
  readonly #around: Surroundings;
  /** The last write of each entity that is under way. */
  readonly #last = new Map<string, Promise<void>>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** Resolves when all rows are stored. To be called in the order of the batches. */
  async store(part: StoredPart): Promise<void> {
    const [users, others] = [[] as Promise<void>[], [] as Promise<void>[]];
    const shares = sharesOf(part);
    for (const [entity, inOne] of shares) {
      if (!entity.startsWith('u/')) others.push(this.#behind(entity, () => this.#write(inOne, part.stamp)));
    }
    const othersStored = Promise.all(others);
    for (const [entity, inOne] of shares) {
      if (!entity.startsWith('u/')) continue;
      users.push(
        this.#behind(entity, async () => {
          await othersStored;
          await this.#write(inOne, part.stamp);
        }),
      );
    }
    await Promise.all([othersStored, ...users]);
  }

  /** Does it once what the entity's earlier batches have to write is written. */
  #behind(entity: string, write: () => Promise<void>): Promise<void> {
    const before = this.#last.get(entity);
    const mine = before === undefined ? write() : before.then(write);
    this.#last.set(entity, mine);
    const forget = (): void => {
      if (this.#last.get(entity) === mine) this.#last.delete(entity);
    };
    void mine.then(forget, forget);
    return mine;
  }

  async #write(shares: readonly Share[], stamp: number): Promise<void> {
    const { writer, plants } = this.#around;
    // One constant stamp is none: whatever arrives last stays.
    const writtenAt = plants.has('store-without-stamps') ? 1 : stamp;
    for (const { partition, values, dropped } of shares) {
      const rows = [...values].map(([key, value]): KeyValue => ({ key, value }));
      if (rows.length > 0) await untilStored(this.#around, () => writer.write(partition, rows, writtenAt));
      if (dropped) await untilStored(this.#around, () => writer.drop(partition, stamp));
    }
  }
}
