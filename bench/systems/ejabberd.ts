import { forEachSeat } from '../load/sign-in.ts';
import type { Cast, CastPlan, RunningSystem, System } from '../system.ts';
import { bootEjabberd, ejabberdLack } from './ejabberd/boot.ts';
import { ejabberdWire, roomOf } from './ejabberd/wire.ts';

const password = 'secret';

/** Accounts are made through ejabberd's own API; rooms come to be when the first one enters. */
const prepare = async (running: RunningSystem, plan: CastPlan): Promise<Cast> => {
  const seats = Array.from({ length: plan.seats }, (_, seat) => ({ user: `user${seat}`, secret: password }));
  await forEachSeat(plan.seats, async (seat) => {
    const answer = await fetch(`http://127.0.0.1:${running.port}/api/register`, {
      method: 'POST',
      body: JSON.stringify({ user: seats[seat]?.user, host: 'localhost', password }),
    });
    if (!answer.ok) throw new Error(`ejabberd refused an account: ${answer.status} ${await answer.text()}`);
  });
  return { seats, talks: plan.talks.map((members, index) => ({ id: roomOf(index), members })) };
};

/** Debian's ejabberd with its archive in PostgreSQL: stored durably before it counts, as duolog does. */
export const ejabberd: System = {
  name: 'ejabberd',
  scenarios: ['direct', 'group', 'idle'],
  bootsAfterPreparing: false,
  lack: ejabberdLack,
  boot: bootEjabberd,
  prepare,
  wire: ejabberdWire,
};
