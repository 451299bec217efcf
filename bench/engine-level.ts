/**
 * What the embedded store costs: CPU per one-to-one message (message, outbox row, two entries) by size of batch, all
 * threads counted. `bun bench/engine-level.ts [--messages N] [--window 1|2] [--sizes 1,16,128,1024]`
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { encodeOutbox } from '../packages/server/src/core/outbox.ts';
import {
  INSTALLATION_KEY,
  KEYS,
  conversationKey,
  encodeMessage,
  encodePointer,
  logRow,
  outboxKey,
  userKey,
} from '../packages/server/src/core/rows.ts';
import { isLog } from '../packages/server/src/data/log-run.ts';
import { systemClock } from '../packages/server/src/engines/clock-system.ts';
import { openLevel } from '../packages/server/src/engines/ledger-level.ts';
import type { Batch, Claim, Ledger } from '../packages/server/src/ports/ledger.ts';
import type { Row } from '../packages/server/src/ports/store.ts';

const USERS = 400;
const TEXT = 'x'.repeat(200);
const AT = Date.UTC(2026, 0, 1);

const user = (n: number): string => `u${n.toString(36).padStart(16, 'A')}`;

/** Makes the batches that an owner would make: pairs of users who write to each other in turn. */
const createWriter = (claim: Claim): ((messages: number) => Batch) => {
  const heads = new Map<string, number>();
  let [sent, stamp] = [0, claim.stamp];
  const next = (entity: string, grown: Record<string, [number, number]>): number => {
    const head = (heads.get(entity) ?? 0) + 1;
    heads.set(entity, head);
    const known = grown[entity];
    if (known === undefined) grown[entity] = [head, head];
    else known[1] = head;
    return head;
  };
  const say = (rows: Row[], outboxes: Map<string, Row>, grown: Record<string, [number, number]>): void => {
    const [a, b] = [user(sent % USERS), user((sent % USERS) ^ 1)];
    sent += 1;
    const conversation = a < b ? `d.${a}.${b}` : `d.${b}.${a}`;
    const entity = conversationKey(conversation);
    const seq = next(entity, grown);
    const body = `{"conversation":"${conversation}","seq":${seq},"kind":"text","sender":"${a}","at":${AT},"text":"${TEXT}"}`;
    rows.push({ ...logRow(entity, seq), value: encodeMessage(body) });
    const answers = Array.from({ length: 8 }, (_, i) => ({
      n: seq + i,
      hash: '1q2w3e4r5t6z7u',
      answer: { result: `{"seq":${seq},"at":${AT}}` },
    }));
    const key = outboxKey(a, 'abcdefghijkl');
    outboxes.set(`${entity} ${key}`, { partition: entity, key, value: encodeOutbox(answers) });
    for (const one of [a, b]) {
      const useq = next(userKey(one), grown);
      rows.push({ ...logRow(userKey(one), useq), value: encodePointer(conversation, seq) });
    }
  };
  return (messages) => {
    const rows: Row[] = [];
    const outboxes = new Map<string, Row>();
    const grown: Record<string, [number, number]> = {};
    for (let i = 0; i < messages; i++) say(rows, outboxes, grown);
    stamp += 1;
    rows.push(...outboxes.values());
    return { partition: 0, claim: claim.id, stamp, rows, drops: [], parcels: [], grown };
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
  },
});

const measure = async (size: number): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'duolog-bench-'));
  const fail = (cause: unknown): never => {
    throw cause;
  };
  const level = await openLevel({
    directory,
    partitions: 1,
    clock: systemClock,
    layout: { installation: { partition: INSTALLATION_KEY, key: KEYS.installation }, logRow, isLog },
    alarm: fail,
    onFatal: fail,
    limits: { reserveBytes: 0, window: Number(args.window) },
  });
  const claim = await level.ledger.claim(0);
  if (claim === undefined) throw new Error('nobody contests this claim');
  const make = createWriter(claim);
  // A batch of one is bound by the disk: fewer of them show as much.
  const total = Math.min(Number(args.messages), size * 4_000);
  const { ledger } = level;
  await write(ledger, make, Math.floor(total / 4), size);
  const [cpuAt, startedAt] = [process.cpuUsage(), performance.now()];
  await write(ledger, make, total, size);
  const seconds = (performance.now() - startedAt) / 1_000;
  const { user: inUser, system } = process.cpuUsage(cpuAt);
  const makingAt = process.cpuUsage();
  for (let made = 0; made < total; made += size) make(size);
  const making = process.cpuUsage(makingAt);
  const cpu = (inUser + system - making.user - making.system) / total;
  console.log(
    `${String(size).padStart(5)} messages a batch: ${cpu.toFixed(1)} µs CPU a message, ${Math.round(total / seconds)} messages/s`,
  );
  await level.close();
  await rm(directory, { recursive: true });
};

for (const size of args.sizes.split(',')) await measure(Number(size));
