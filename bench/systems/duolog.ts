import { randomBytes } from 'node:crypto';
import { LIMITS, newGroupId } from '@duolog/protocol';
import type { MethodName, Params, Result } from '@duolog/protocol';
import { startChild, waitForHealth } from '../children.ts';
import { freePort } from '../free-port.ts';
import { forEachSeat } from '../load/sign-in.ts';
import type { BootOptions, Cast, CastPlan, RunningSystem, Seat, System, Talk } from '../system.ts';
import { duologWire } from './duolog-wire.ts';

const bootMs = 60_000;
const callMs = 30_000;
const password = randomBytes(12).toString('base64url');
/** The protocol's limit. Devices of one user share its log, so only idle connections are put together. */
const devicesPerUser = LIMITS.maxDevices;

const limitsRaised = {
  DUOLOG_MESSAGES_PER_SECOND: '1000000',
  DUOLOG_CONVERSATIONS_PER_MINUTE: '1000000',
  DUOLOG_SIGN_UPS_PER_HOUR: '1000000',
  DUOLOG_LOG_INS_PER_MINUTE: '1000000',
  DUOLOG_LOG_INS_PER_HANDLE_PER_MINUTE: '1000000',
};

const boot = async ({ folder, core }: BootOptions): Promise<RunningSystem> => {
  const port = await freePort();
  const child = startChild({
    command: [`${import.meta.dirname}/../../packages/server/bin/duolog`, 'serve'],
    core,
    env: {
      NODE_ENV: 'production',
      DUOLOG_PORT: String(port),
      DUOLOG_DATA: `${folder}/duolog`,
      DUOLOG_LOG: 'warn',
      ...limitsRaised,
    },
  });
  await waitForHealth(`http://127.0.0.1:${port}/health`, child, bootMs);
  return { port, pids: [child.pid], stop: () => child.stop() };
};

type Call = <M extends MethodName>(method: M, params: Params<M>, token?: string) => Promise<Result<M>>;

const callOn =
  (port: number): Call =>
  async <M extends MethodName>(method: M, params: Params<M>, token?: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/${method}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(params),
      signal: AbortSignal.timeout(callMs),
    });
    const body: unknown = await answer.json();
    if (!answer.ok) throw new Error(`${method}: ${answer.status} ${JSON.stringify(body)}`);
    return body as Result<M>;
  };

/** Seats with a talk are users of their own; the others share users. */
const signUpAll = async (call: Call, plan: CastPlan): Promise<readonly Seat[]> => {
  const perUser = plan.talks.length > 0 ? 1 : devicesPerUser;
  const users = Math.ceil(plan.seats / perUser);
  const run = randomBytes(4).toString('hex');
  const seats: Seat[] = [];
  await forEachSeat(users, async (index) => {
    const handle = `b${run}.${index}`;
    await call('account.signUp', { handle, password });
    for (let seat = index * perUser; seat < Math.min(plan.seats, (index + 1) * perUser); seat++) {
      const { user, token } = await call('session.logIn', { handle, password, deviceName: 'bench' });
      seats[seat] = { user, secret: token };
    }
  });
  return seats;
};

const createTalk = async (call: Call, seats: readonly Seat[], members: readonly number[]): Promise<Talk> => {
  const users = members.map((seat) => seats[seat]?.user ?? '');
  const token = seats[members[0] ?? 0]?.secret;
  const made =
    members.length === 2
      ? await call('direct.create', { user: users[1] ?? '' }, token)
      : await call('group.create', { conversation: newGroupId(), name: 'bench', members: users.slice(1) }, token);
  return { id: made.conversation, members };
};

const prepare = async (running: RunningSystem, plan: CastPlan): Promise<Cast> => {
  const call = callOn(running.port);
  const seats = await signUpAll(call, plan);
  const talks: Talk[] = [];
  await forEachSeat(plan.talks.length, async (index) => {
    talks[index] = await createTalk(call, seats, plan.talks[index] ?? []);
  });
  return { seats, talks };
};

/** The server of this repository on its embedded store, with fsync before each acknowledgement. */
export const duolog: System = {
  name: 'duolog',
  scenarios: ['direct', 'group', 'idle', 'durable'],
  bootsAfterPreparing: true,
  lack: () => undefined,
  boot,
  prepare,
  wire: duologWire,
};
