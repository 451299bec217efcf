/**
 * Checks a store that nobody writes to, or a snapshot of one: both logs are dense and in order, every pointer and every
 * answer in an outbox names a message that is there, rosters and users' own rows say the same, buckets are named. Memory
 * stays bounded whatever the store's size.
 */
import { bucketKey, idOfKey } from '../../core/rows.ts';
import type { Damage, Doubt } from '../../ports/damage.ts';
import type { Row, Store } from '../../ports/store.ts';
import { readLogHead } from '../log-head.ts';
import { isLog } from '../log-run.ts';
import { checkConversation } from './conversation.ts';
import { sentenceOf } from './damage.ts';
import { Findings } from './report.ts';
import type { FsckReport, Kind } from './report.ts';
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
  readonly #doubt: Doubt;
  #entity = '';
  /** Rows of logs that the scan showed: those that no entity's check met belong to none. */
  logRows = 0;

  constructor(store: Store, found: Findings, doubt: Doubt) {
    this.#store = store;
    this.#found = found;
    this.#doubt = doubt;
  }

  /** Whether rows of an entity that has no fault, or the end of its log, may be missing. */
  async #isUnsure(entity: string): Promise<boolean> {
    if (await this.#doubt(entity)) return true;
    if (entity.startsWith('n/')) return false;
    const { log, last } = await readLogHead(this.#store, entity);
    return this.#doubt(bucketKey(entity, log.bucket), last?.key);
  }

  async row({ partition, key }: Row): Promise<void> {
    const kind = partition.slice(0, 2);
    if (isLog(partition)) {
      if (kind === 'c/' || kind === 'u/' || kind === 't/') this.logRows += 1;
      else this.#found.fault(partition, `nobody knows a row "${key}"`);
      return;
    }
    if (partition === this.#entity) return;
    this.#entity = partition;
    const [store, found, id] = [this.#store, this.#found, idOfKey(partition)];
    const entity = (of: Kind, check: () => Promise<void>) =>
      found.entity(of, partition, check, () => this.#isUnsure(partition));
    if (kind === 'c/') await entity('conversations', () => checkConversation(store, found, id));
    else if (kind === 'u/') await entity('users', () => checkUser(store, found, id));
    else if (kind === 'n/') await entity('names', () => checkName(store, found, id));
    else if (kind !== 'p/' && partition !== 'i') found.fault(partition, `nobody knows a row "${key}"`);
  }
}

/** So many entities are named that have nothing but rows of logs. */
const MAX_STRAYS = 10_000;

/** Names the entities of log rows that belong to none; only done when there are such. */
const nameStrays = async (store: Store, found: Findings): Promise<void> => {
  const named = new Set<string>();
  let last = '';
  for await (const { partition } of everything(store)) {
    if (!isLog(partition) || partition === last) continue;
    last = partition;
    const [kind, id] = partition.split('/');
    const entity = `${kind === 't' ? 'c' : kind}/${id}`;
    if (named.has(entity) || named.size === MAX_STRAYS) continue;
    if ((await store.range(entity, { limit: 1 })).length > 0) continue;
    named.add(entity);
    const what = `rows of ${partition} belong to nothing: the rows of ${entity} are missing`;
    if (kind === 'u') found.lost('users', entity, what);
    else found.lost('conversations', entity, what);
  }
};

const NO_DOUBT: Doubt = () => Promise.resolve(false);

/** Checks everything. `damage`: what is known already, of the files for instance. */
export const fsck = async (
  store: Store,
  damage: readonly Damage[] = [],
  doubt: Doubt = NO_DOUBT,
): Promise<FsckReport> => {
  const found = new Findings();
  for (const of of damage) found.fault('store', sentenceOf(of));
  const walk = new Walk(store, found, doubt);
  try {
    for await (const row of everything(store)) await walk.row(row);
    const strays = walk.logRows - found.logRows;
    if (strays > 0) {
      found.fault('store', `${strays} rows of logs were met in no log`);
      await nameStrays(store, found);
    }
  } catch (cause) {
    found.fault('store', `cannot be read to its end: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  return found.report();
};
