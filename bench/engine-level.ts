/**
 * What the embedded store costs: CPU per one-to-one message (message, two entries) by size of batch, all
 * threads counted. `bun bench/engine-level.ts [--messages N] [--window 1|2] [--sizes 1,16,128,1024] [--areas CHARS]`
 * With `--millions N` it writes so many million messages in batches of the first size and prints every million.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LAYOUT } from '../packages/server/src/boot/layout.ts';
import { conversationKey, encodeMessage, encodePointers, logRow, userKey } from '../packages/server/src/core/rows.ts';
import { systemClock } from '../packages/server/src/engines/clock-system.ts';
import { openLevel } from '../packages/server/src/engines/ledger-level.ts';
import { LEVEL_LIMITS } from '../packages/server/src/engines/level-limits.ts';
import type { Batch, Claim, Ledger } from '../packages/server/src/ports/ledger.ts';
import type { Row } from '../packages/server/src/ports/store.ts';

const USERS = 400;
const WORDS = 'we meet at the station on friday and bring what each of us has found so far about old maps'.split(' ');
/** Texts of 200 bytes that compress about as well as people's. */
const TEXTS = Array.from({ length: 997 }, (_, i) => {
  const words = Array.from({ length: 60 }, (_word, j) => WORDS[(i * 31 + j * j * 17 + (i % 13) * j) % WORDS.length]);
  return words.join(' ').slice(0, 200);
});
const AT = Date.UTC(2026, 0, 1);

const user = (n: number): string => `u${n.toString(36).padStart(16, 'A')}`;

/** Entries of one user in a batch, which are one row: the last of them, and how many. */
interface Told {
  readonly conversation: string;
  readonly seq: number;
  readonly useq: number;
  readonly count: number;
}

/** Makes the batches that an owner would make: pairs of users who write to each other in turn. */
const createWriter = (claim: Claim): ((messages: number) => Batch) => {
  const heads = new Map<string, number>();
  let [sent, stamp] = [0, claim.stamp];
  const next = (entity: string, grown: Map<string, [string, number, number]>): number => {
    const head = (heads.get(entity) ?? 0) + 1;
    heads.set(entity, head);
    const known = grown.get(entity);
    if (known === undefined) grown.set(entity, [entity, head, head]);
    else known[2] = head;
    return head;
  };
  const say = (rows: Row[], grown: Map<string, [string, number, number]>, told: Map<string, Told>): void => {
    const [a, b] = [user(sent % USERS), user((sent % USERS) ^ 1)];
    sent += 1;
    const conversation = a < b ? `d.${a}.${b}` : `d.${b}.${a}`;
    const entity = conversationKey(conversation);
    const seq = next(entity, grown);
    const body = `{"conversation":"${conversation}","seq":${seq},"kind":"text","sender":"${a}","at":${AT},"text":"${TEXTS[sent % TEXTS.length] ?? ''}"}`;
    rows.push({
      ...logRow(entity, seq),
      value: encodeMessage(body, { outbox: 'abcdefghijkl', n: seq, hash: '1q2w3e4r5t6z7u' }),
    });
    for (const one of [a, b])
      told.set(one, { conversation, seq, useq: next(userKey(one), grown), count: (told.get(one)?.count ?? 0) + 1 });
  };
  return (messages) => {
    const rows: Row[] = [];
    const grown = new Map<string, [string, number, number]>();
    const told = new Map<string, Told>();
    for (let i = 0; i < messages; i++) say(rows, grown, told);
    for (const [one, { conversation, seq, useq, count }] of told)
      rows.push({ ...logRow(userKey(one), useq), value: encodePointers(conversation, seq, count) });
    stamp += 1;
    return { partition: 0, claim: claim.id, stamp, rows, drops: [], parcels: [], grown: [...grown.values()] };
  };
};

const write = async (ledger: Ledger, make: (messages: number) => Batch, total: number, size: number): Promise<void> => {
  const underWay: Promise<unknown>[] = [];
  for (let written = 0; written < total; written += size) {
    underWay.push(ledger.commit(make(size)));
    if (underWay.length >= ledger.window) await underWay.shift();
  }
  await Promise.all(underWay);
};

const { values: args } = parseArgs({
  options: {
    messages: { type: 'string', default: '200000' },
    sizes: { type: 'string', default: '1,16,128,1024' },
    window: { type: 'string', default: '1' },
    areas: { type: 'string', default: String(LEVEL_LIMITS.areaChars) },
    millions: { type: 'string', default: '0' },
  },
});

interface Opened {
  readonly ledger: Ledger;
  readonly make: (messages: number) => Batch;
  close(): Promise<void>;
}

const openEmpty = async (): Promise<Opened> => {
  const directory = await mkdtemp(join(tmpdir(), 'duolog-bench-'));
  const fail = (cause: unknown): never => {
    throw cause;
  };
  const level = await openLevel({
    directory,
    partitions: 1,
    clock: systemClock,
    layout: LAYOUT,
    alarm: fail,
    onFatal: fail,
    limits: { reserveBytes: 0, window: Number(args.window), areaChars: Number(args.areas) },
  });
  const claim = await level.ledger.claim(0);
  if (claim === undefined) throw new Error('nobody contests this claim');
  return {
    ledger: level.ledger,
    make: createWriter(claim),
    close: async () => {
      await level.close();
      await rm(directory, { recursive: true });
    },
  };
};

/** Writes and says what it cost a message, less what making the batches costs. */
const measure = async ({ ledger, make }: Opened, total: number, size: number, makingUs: number): Promise<string> => {
  const [cpuAt, startedAt] = [process.cpuUsage(), performance.now()];
  await write(ledger, make, total, size);
  const seconds = (performance.now() - startedAt) / 1_000;
  const { user: inUser, system } = process.cpuUsage(cpuAt);
  const cpuUs = (inUser + system) / total - makingUs;
  return `${cpuUs.toFixed(1)} µs CPU a message, ${Math.round(total / seconds)} messages/s`;
};

/** CPU that making a message's rows takes. */
const costOfMaking = (size: number): number => {
  const make = createWriter({ partition: 0, id: '', stamp: 0, unsettled: [] });
  const total = 100_000;
  for (let made = 0; made < total; made += size) make(size);
  const startedAt = process.cpuUsage();
  for (let made = 0; made < total; made += size) make(size);
  const { user: inUser, system } = process.cpuUsage(startedAt);
  return (inUser + system) / total;
};

const sizes = args.sizes.split(',').map(Number);
const millions = Number(args.millions);
if (millions > 0) {
  const [size = 128] = sizes;
  const opened = await openEmpty();
  const makingUs = costOfMaking(size);
  for (let million = 1; million <= millions; million++) {
    console.log(`${String(million).padStart(3)} million: ${await measure(opened, 1_000_000, size, makingUs)}`);
  }
  await opened.close();
} else {
  for (const size of sizes) {
    const opened = await openEmpty();
    const makingUs = costOfMaking(size);
    // A batch of one is bound by the disk: fewer of them show as much.
    const total = Math.min(Number(args.messages), size * 4_000);
    await write(opened.ledger, opened.make, Math.floor(total / 4), size);
    console.log(`${String(size).padStart(5)} messages a batch: ${await measure(opened, total, size, makingUs)}`);
    await opened.close();
  }
}
