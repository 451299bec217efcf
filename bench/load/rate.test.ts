import { afterAll, expect, test } from 'bun:test';
import type { RateJob, RateResult } from './job.ts';
import { runRate } from './rate.ts';
import { duologWire } from '../systems/duolog-wire.ts';

/** What the server in this test does to the 50th message of the one who sends. */
type Fault = 'none' | 'lost' | 'doubled' | 'swapped' | 'unanswered' | 'answeredTwice' | 'refused' | 'closed';

const faultyServer = (fault: Fault) => {
  const sockets = new Map<string, Bun.ServerWebSocket>();
  let held: string | undefined;
  return Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request, server) => (server.upgrade(request) ? undefined : new Response('')),
    websocket: {
      message: (socket, frame) => {
        // Beats.
        if (typeof frame !== 'string') return;
        const { id, method, params, n } = JSON.parse(frame) as {
          id: number;
          method: string;
          params: { token: string; text: string };
          n: number;
        };
        if (method === 'hello') {
          sockets.set(params.token, socket);
          socket.send(`[{"type":"reply","id":${id},"result":{"epoch":"e","head":0}}]`);
          return;
        }
        const [a, b] = [sockets.get('a'), sockets.get('b')];
        const planted = fault !== 'none' && n === 50 && socket === a;
        const entry = `[{"type":"entry","useq":${n},"kind":"message","message":{"text":"${params.text}"}}]`;
        const reply = `[{"type":"reply","id":${id},"result":{"seq":${n},"at":1}}]`;
        const to = socket === a ? b : a;
        if (planted && fault === 'swapped') held = entry;
        else if (!(planted && fault === 'lost')) to?.send(entry);
        if (!planted && held !== undefined && socket === a) {
          b?.send(held);
          held = undefined;
        }
        if (planted && fault === 'doubled') to?.send(entry);
        if (planted && fault === 'closed') to?.close(1011);
        if (planted && fault === 'refused') socket.send(`[{"type":"reply","id":${id},"error":{"code":"conflict"}}]`);
        else if (!(planted && fault === 'unanswered')) socket.send(reply);
        if (planted && fault === 'answeredTwice') socket.send(reply);
      },
    },
  });
};

const servers: Bun.Server<undefined>[] = [];
afterAll(async () => {
  for (const server of servers) await server.stop(true);
});

const runAgainst = (fault: Fault): Promise<RateResult> => {
  const server = faultyServer(fault);
  servers.push(server);
  const cast = {
    seats: ['a', 'b'].map((user) => ({ user, secret: user })),
    talks: [{ id: 'talk', members: [0, 1] }],
  };
  const job: RateJob = {
    kind: 'rate',
    system: 'duolog',
    port: server.port ?? 0,
    pids: [process.pid],
    cast,
    senders: [0, 1],
    inFlight: 4,
    warmMs: 0,
    warmMessages: 400,
    warmLimitMs: 2_000,
    windowMs: 20,
    drainMs: 300,
  };
  return runRate(job, duologWire(cast));
};

test('a run in which everything is acknowledged and delivered once has no fault', async () => {
  const result = await runAgainst('none');
  expect(result.faults).toEqual([]);
  expect(result.totalAcknowledged).toBeGreaterThan(400);
});

test.each([
  ['lost', /seat 1: message 51 of 0 after 49/],
  ['doubled', /seat 1: message 50 of 0 after 50/],
  ['swapped', /seat 1: message 51 of 0 after 49/],
  ['unanswered', /seat 0: \d+ sent, \d+ acknowledged/],
  ['answeredTwice', /seat 0: acknowledged 50 with \d+ acknowledged/],
  ['refused', /seat 0: .*conflict/],
  ['closed', /seat 1: close frame 1011/],
] as const)('a run is a fault when a message is %s', async (fault, said) => {
  const { faults } = await runAgainst(fault);
  expect(faults.some((text) => said.test(text))).toBe(true);
});
