/// <reference types="node" />
/** Conversations made by a real owner, in an embedded store whose rows lie in several tables. */
import { createHash } from 'node:crypto';
import { directId } from '@duolog/protocol';
import { say } from './chat-world.ts';
import type { LevelRig } from './level-rig.ts';
import { claimed } from './level-rig.ts';
import { asks, numbered, userNamed } from './people.ts';
import { PumpRig } from './pump-rig.ts';

export const USERS = Array.from({ length: 8 }, (_, i) => userNamed(`u${i}`));
/** Each user with the next two. */
export const DIRECTS = USERS.flatMap((user, i) =>
  [1, 2].map((step) => ({ user, id: directId(user, USERS[(i + step) % USERS.length] ?? '') })),
);
export const MESSAGES_EACH = 120;

/** So many messages of a conversation come in one batch, so they lie together. */
export const AT_ONCE = 2;

/** A text that cannot be compressed, the same in each run. */
const text = (seed: string): string => createHash('sha512').update(seed).digest('base64').repeat(2);

const fill = async (rig: PumpRig): Promise<void> => {
  for (const [i, user] of USERS.entries())
    await rig.results(asks(`n/u${i}`, user, { kind: 'signUp', user, name: `U${i}`, passwordHash: text(user) }));
  for (const { user, id } of DIRECTS) await rig.results(asks(`c/${id}`, user, { kind: 'createDirect' }));
  for (let n = 1; n <= MESSAGES_EACH; n += AT_ONCE) {
    const numbers = Array.from({ length: AT_ONCE }, (_, i) => n + i);
    await rig.results(
      ...DIRECTS.flatMap(({ user, id }) => numbers.map((m) => numbered(m, say(id, user, text(`${id} ${m}`))))),
    );
  }
};

/** So many: LevelDB merges them when there are four. */
const TABLES = 3;

/** The data folder of a store in which everybody has talked with four others; nothing has it open. */
export const storeInTables = async (level: LevelRig): Promise<string> => {
  const rig = new PumpRig();
  const { batches } = await rig.openOwner();
  await fill(rig);
  const directory = level.folder();
  const rows = batches.reduce((sum, batch) => sum + batch.rows.length, 0);
  for (let [table, next, written] = [1, 0, 0]; table <= TABLES; table++) {
    // Opening moves what is in the log to a table.
    const opened = await level.open(directory, { limits: { areaChars: 100_000 } });
    const claim = await claimed(opened);
    for (; written < (rows * table) / TABLES; next++) {
      const batch = batches[next];
      if (batch === undefined) break;
      const stamp = claim.stamp + 1 + next;
      await opened.ledger.commit({ ...batch, claim: claim.id, stamp });
      opened.ledger.settle(0, claim.id, stamp);
      written += batch.rows.length;
    }
    await level.close(opened);
  }
  await level.close(await level.open(directory));
  return directory;
};
