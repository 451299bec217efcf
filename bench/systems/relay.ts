import { directId, newGroupId, newUserId } from '@duolog/protocol';
import { startChild, waitForPort } from '../children.ts';
import { freePort } from '../free-port.ts';
import type { Cast, CastPlan, RunningSystem, System } from '../system.ts';
import { duologWire } from './duolog-wire.ts';

const bootMs = 10_000;

const runtimeSettings = `${import.meta.dirname}/../../packages/server/bin/runtime.sh`;

/** Starts a script of this folder on Bun, with the settings that duolog has; it reads PORT. */
export const bootScript = async (script: string, core: number | undefined): Promise<RunningSystem> => {
  const port = await freePort();
  const child = startChild({
    command: ['sh', '-c', '. "$0"; exec "$@"', runtimeSettings, process.execPath, `${import.meta.dirname}/${script}`],
    core,
    env: { PORT: String(port), NODE_ENV: 'production' },
  });
  await waitForPort(port, child, bootMs);
  return { port, pids: [child.pid], stop: () => child.stop() };
};

const prepare = async (running: RunningSystem, plan: CastPlan): Promise<Cast> => {
  const seats = Array.from({ length: plan.seats }, () => {
    const user = newUserId();
    return { user, secret: user };
  });
  const userOf = (seat: number): string => seats[seat]?.user ?? '';
  const talks = plan.talks.map((members) => {
    const [a = 0, b = 0] = members;
    return { id: members.length === 2 ? directId(userOf(a), userOf(b)) : newGroupId(), members };
  });
  const answer = await fetch(`http://127.0.0.1:${running.port}/`, {
    method: 'POST',
    body: JSON.stringify(talks.map(({ id, members }) => ({ id, users: members.map(userOf) }))),
  });
  if (!answer.ok) throw new Error(`the relay refused its conversations: ${answer.status}`);
  return { seats, talks };
};

/** Stores nothing: what the runtime and the sockets cost alone. */
export const relay: System = {
  name: 'relay',
  scenarios: ['direct', 'group', 'idle'],
  bootsAfterPreparing: false,
  lack: () => undefined,
  boot: ({ core }) => bootScript('relay-server.ts', core),
  prepare,
  wire: duologWire,
};
