/** Work that takes much memory while it is done, a few pieces of it at a time. */

/** So many may work at once; the others wait, first come first served. */
interface Slots {
  /** Resolves when there is room. */
  take(): Promise<void>;
  give(): void;
  /** How many work or wait. */
  readonly busy: number;
}

const createSlots = (count: number): Slots => {
  const waiting: (() => void)[] = [];
  let working = 0;
  return {
    take: () => {
      if (working === count) return new Promise((resolve) => waiting.push(resolve));
      working += 1;
      return Promise.resolve();
    },
    give: () => {
      const next = waiting.shift();
      if (next === undefined) working -= 1;
      else next();
    },
    get busy() {
      return working + waiting.length;
    },
  };
};

export interface Turns {
  /** Does a piece of work of this user when it is its turn. */
  run<T>(user: string, work: () => Promise<T>): Promise<T>;
  /** Users with work. */
  readonly size: number;
}

/** At most `max` pieces of work at a time, and `perUser` of one user: the others of a user keep nobody else waiting. */
export const createTurns = (max: number, perUser: number): Turns => {
  const all = createSlots(max);
  const users = new Map<string, Slots>();
  return {
    run: async (user, work) => {
      const own = users.get(user) ?? createSlots(perUser);
      users.set(user, own);
      await own.take();
      await all.take();
      try {
        return await work();
      } finally {
        all.give();
        own.give();
        if (own.busy === 0) users.delete(user);
      }
    },
    get size() {
      return users.size;
    },
  };
};
