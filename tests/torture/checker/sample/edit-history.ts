/** Ways to change a good history at one place and leave everything else consistent. */
import type {
  AnsweredEvent,
  AskedEvent,
  EntryEvent,
  FinalEvent,
  HistoryEvent,
  Item,
  RestEvent,
} from '../../history.ts';

export type History = readonly HistoryEvent[];
type OfType<T extends HistoryEvent['type']> = Extract<HistoryEvent, { readonly type: T }>;

/** The value, or a failure that says which place a plant looked for in vain. */
export const need = <T>(value: T | undefined, what: string): T => {
  if (value === undefined) throw new Error(`the sample has no ${what}`);
  return value;
};

export const all = <T extends HistoryEvent['type']>(history: History, type: T): readonly OfType<T>[] =>
  history.filter((event): event is OfType<T> => event.type === type);

export const replace = (history: History, old: HistoryEvent, ...by: readonly HistoryEvent[]): History =>
  history.flatMap((event) => (event === old ? by : [event]));

/** Changes every event that `change` gives another for. */
export const map = (history: History, change: (event: HistoryEvent) => HistoryEvent): History => history.map(change);

/** Puts events at the end of the run, before anything comes to rest. */
export const beforeRest = (history: History, make: (atUs: number) => readonly HistoryEvent[]): History => {
  const index = history.findIndex((event) => event.type === 'rest');
  const rest = need(history[index], 'rest');
  return [...history.slice(0, index), ...make(rest.atUs - 1), ...history.slice(index)];
};

/** One exchange that went well enough: asked once, answered once. */
export interface Exchange {
  readonly asked: AskedEvent;
  readonly answered: AnsweredEvent;
}

/** All exchanges of commands that were asked exactly once, and whose n nobody asked for again. */
export const singleExchanges = (history: History): readonly Exchange[] => {
  const answers = new Map(all(history, 'answered').map((event) => [event.attempt, event]));
  const counts = new Map<string, number>();
  const count = (key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
  const numberOf = (event: AskedEvent): string => `${event.outbox} ${event.entity} ${event.n}`;
  for (const event of all(history, 'asked')) {
    count(event.command);
    count(numberOf(event));
  }
  return all(history, 'asked').flatMap((asked) => {
    const answered = answers.get(asked.attempt);
    return answered !== undefined && counts.get(asked.command) === 1 && counts.get(numberOf(asked)) === 1
      ? [{ asked, answered }]
      : [];
  });
};

/** Sends that were asked once and acknowledged. */
export const singleSends = (history: History): readonly (Exchange & { readonly seq: number })[] =>
  singleExchanges(history).flatMap(({ asked, answered }) =>
    asked.method === 'send' && answered.result === 'ok' && answered.seq !== undefined
      ? [{ asked, answered, seq: answered.seq }]
      : [],
  );

/** The final log of a conversation as its most far-reaching reader has it. */
export const longestFinal = (history: History, conversation: string): FinalEvent =>
  need(
    all(history, 'final')
      .filter((event) => event.conversation === conversation)
      .toSorted((a, b) => b.lastSeq - a.lastSeq || b.items.length - a.items.length)[0],
    `final log of ${conversation}`,
  );

/** Adds a message to the end of a conversation as if the server had stored it: final logs, entries and rows all have it. */
export const appendMessage = (history: History, conversation: string, message: Omit<Item, 'seq'>): History => {
  const { lastSeq } = longestFinal(history, conversation);
  const members = new Set(
    all(history, 'final')
      .filter((event) => event.conversation === conversation && event.lastSeq === lastSeq)
      .map(({ user }) => user),
  );
  const item = { ...message, seq: lastSeq + 1 };
  const withEntry = (rest: RestEvent): readonly HistoryEvent[] => {
    const useq = rest.cursor + 1;
    const { user, device, epoch, atUs } = rest;
    const entry: EntryEvent = {
      type: 'entry',
      atUs: atUs - 1,
      user,
      device,
      epoch,
      useq,
      kind: 'message',
      conversation,
      ...item,
    };
    const rows = rest.rows.map((row) =>
      row.conversation === conversation ? { ...row, lastSeq: item.seq, unread: (row.unread ?? 0) + 1 } : row,
    );
    return [...(rest.source === 'reset' ? [] : [entry]), { ...rest, cursor: useq, rows }];
  };
  return history.flatMap((event) => {
    if (event.type === 'rest' && members.has(event.user)) return withEntry(event);
    // The fresh device's reset took the larger head.
    if (event.type === 'reset' && members.has(event.user) && event.device.endsWith('-fresh'))
      return [{ ...event, head: event.head + 1 }];
    if (event.type !== 'final' || event.conversation !== conversation || !members.has(event.user)) return [event];
    return [{ ...event, lastSeq: item.seq, items: [...event.items, item] }];
  });
};

/** A command in an outbox of its own, answered as given (absent: not at all). */
export const ask = (
  atUs: number,
  device: { readonly user: string; readonly device: string; readonly epoch: string },
  command: Pick<AskedEvent, 'method' | 'conversation' | 'hash' | 'people'>,
  answer?: Pick<AnsweredEvent, 'result' | 'seq' | 'code' | 'settles'>,
): readonly HistoryEvent[] => {
  const id = `planted-${device.device}-${command.method}`;
  const asked: AskedEvent = {
    type: 'asked',
    atUs,
    ...device,
    attempt: id,
    command: id,
    entity: command.conversation ?? device.user,
    outbox: id,
    n: 1,
    ...command,
  };
  return answer === undefined
    ? [asked]
    : [asked, { type: 'answered', atUs, device: device.device, attempt: id, ...answer }];
};

/** A live device of a user, at the end of the run. */
export const deviceOf = (
  history: History,
  user: string,
): { readonly user: string; readonly device: string; readonly epoch: string } => {
  const { device, epoch } = need(
    all(history, 'rest').find((event) => event.user === user && event.source === 'live'),
    `live device of ${user}`,
  );
  return { user, device, epoch };
};
