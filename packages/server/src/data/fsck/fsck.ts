/**
 * Checks a store that nobody writes to, or a snapshot of one: both logs are dense and in order, every pointer and every
 * answer in an outbox names a message that is there, rosters and users' own rows say the same, buckets are named. Memory
 * stays bounded whatever the store's size.
 */
import { idOfKey } from '../../core/rows.ts';
import type { Row, Store } from '../../ports/store.ts';
import { isLog } from '../log-run.ts';
import { checkConversation } from './conversation.ts';
import { Findings } from './report.ts';
import type { FsckReport } from './report.ts';
import { checkName, checkUser } from './user.ts';

const PAGE = 1_000;

async function* everything(store: Store): AsyncGenerator<Row> {
  for (let after: string | undefined; ;) {
    const { rows, next } = await store.scan(after, PAGE);
    yield* rows;
    if (next === undefined) return;
    after = next;
  }
}

/** Checks each entity once, at its first row: rows of an entity's own partition come together. */
class Walk {
  readonly #store: Store;
  readonly #found: Findings;
  #entity = '';
  /** Rows of logs that the scan showed, by kind: those that no entity's check met belong to none. */
  readonly seen = { c: 0, u: 0, t: 0 };

  constructor(store: Store, found: Findings) {
    this.#store = store;
    this.#found = found;
  }

  async row({ partition, key }: Row): Promise<void> {
    const kind = partition.slice(0, 2);
    if (isLog(partition)) {
      if (kind === 'c/') this.seen.c += 1;
      else if (kind === 'u/') this.seen.u += 1;
      else if (kind === 't/') this.seen.t += 1;
      else this.#found.fault(partition, `nobody knows a row "${key}"`);
      return;
    }
    if (partition === this.#entity) return;
    this.#entity = partition;
    const [store, found, id] = [this.#store, this.#found, idOfKey(partition)];
    if (kind === 'c/') await found.entity('conversations', partition, () => checkConversation(store, found, id));
    else if (kind === 'u/') await found.entity('users', partition, () => checkUser(store, found, id));
    else if (kind === 'n/') await found.entity('names', partition, () => checkName(store, found, id));
    else if (kind !== 'p/' && partition !== 'i') found.fault(partition, `nobody knows a row "${key}"`);
  }
}

/** Names the entities of log rows that belong to none; only done when there are such. */
const nameStrays = async (store: Store, found: Findings): Promise<void> => {
  let last = '';
  for await (const { partition } of everything(store)) {
    if (!isLog(partition) || partition === last) continue;
    last = partition;
    const [kind, id] = partition.split('/');
    const entity = `${kind === 't' ? 'c' : kind}/${id}`;
    const rows = await store.range(entity, { limit: 1 });
    if (rows.length === 0)
      found.fault(entity, `rows of ${partition} belong to nothing: the rows of ${entity} are missing`);
  }
};

/** Checks everything. `alsoFound`: faults known already, of the files for instance. */
export const fsck = async (store: Store, alsoFound: readonly string[] = []): Promise<FsckReport> => {
  const found = new Findings();
  for (const what of alsoFound) found.fault('store', what);
  const walk = new Walk(store, found);
  try {
    for await (const row of everything(store)) await walk.row(row);
    const { c, u, t } = walk.seen;
    const strays = c - found.counted('messages') + (u - found.counted('entries')) + (t - found.counted('longTexts'));
    if (strays > 0) {
      found.fault('store', `${strays} rows of logs were met in no log`);
      await nameStrays(store, found);
    }
  } catch (cause) {
    found.fault('store', `cannot be read to its end: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  return found.report();
};
