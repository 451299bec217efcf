/** Pages of history that devices read while the world is in chaos: each holds what one may read of the log, and all of it (MSG5). */
import type { Message } from '@duolog/protocol';
import type { HistoryPage } from '../../packages/server/src/data/history.ts';
import type { MemoryRows } from '../../packages/server/src/engines/store-memory.ts';
import type { Item } from '../torture/history.ts';
import type { Connection } from './gateway.ts';
import { itemOf, readable } from './rest.ts';
import type { Violated } from './watch.ts';
import type { World } from './world.ts';

/** A page that was read: what was asked for, and what came. */
export interface PageRead {
  readonly user: string;
  readonly conversation: string;
  readonly page: HistoryPage;
  readonly items: readonly Item[];
  /** The newest seq one may read. */
  readonly lastSeq: number;
  readonly more: boolean;
}

/** A page of any kind: the newest messages, those before one, after one, or between two. */
const anyPage = (random: () => number, lastSeq: number): HistoryPage => {
  const limit = 1 + Math.floor(random() * 30);
  const [one, other] = [Math.floor(random() * (lastSeq + 2)), Math.floor(random() * (lastSeq + 2))];
  const dice = random();
  if (dice < 0.4) return { limit };
  if (dice < 0.6) return { limit, before: one + 1 };
  if (dice < 0.8) return { limit, after: one };
  return { limit, after: Math.min(one, other), before: Math.max(one, other) + 1 };
};

interface ListResult {
  readonly messages: readonly Message[];
  readonly lastSeq: number;
  readonly more: boolean;
}

/** Reads a page over a connection, for the judge and for {@link judgePages}. */
export const readAnyPage = async (
  world: World,
  connection: Connection,
  conversation: string,
  lastKnown: number,
): Promise<void> => {
  const { user, device } = connection.device;
  const { epoch } = world;
  const askedAtUs = world.nowUs();
  const page = anyPage(world.readingRandom, lastKnown);
  const result = await connection.history(conversation, page).catch((cause: unknown) => {
    world.violated('MSG5', `${device} cannot read ${conversation}: ${String(cause)}`);
    return undefined;
  });
  if (result === undefined) return;
  const { messages, lastSeq, more } = JSON.parse(result) as ListResult;
  const items = messages.map(itemOf);
  world.pages.push({ user, conversation, page, items, lastSeq, more });
  world.record({ type: 'page', user, device, epoch, askedAtUs, via: 'history', conversation, head: lastSeq, items });
};

/** What the page had to hold. What the user may read in the end and could not then is behind `lastSeq`. */
const rightPage = (
  { page, lastSeq }: PageRead,
  mayRead: readonly Item[],
): Pick<PageRead, 'items' | 'lastSeq' | 'more'> => {
  const { before = Infinity, after, limit } = page;
  const within = mayRead.filter(({ seq }) => seq <= lastSeq && seq < before && seq > (after ?? 0));
  const items = after === undefined ? within.slice(-limit) : within.slice(0, limit);
  return { items, lastSeq: mayRead.findLast(({ seq }) => seq <= lastSeq)?.seq ?? 0, more: within.length > limit };
};

/** Compares all pages that were read with the log as it is in the end. */
export const judgePages = (rows: MemoryRows, reads: readonly PageRead[], violated: Violated): void => {
  const known = new Map<string, readonly Item[]>();
  for (const read of reads) {
    const { user, conversation, page, items, lastSeq, more } = read;
    const whose = `${user} ${conversation}`;
    const mayRead = known.get(whose) ?? readable(rows, user, conversation);
    known.set(whose, mayRead);
    const right = rightPage(read, mayRead);
    const [got, wanted] = [JSON.stringify({ items, lastSeq, more }), JSON.stringify(right)];
    if (got !== wanted) violated('MSG5', `${whose}: the page ${JSON.stringify(page)} was ${got} instead of ${wanted}`);
  }
};
