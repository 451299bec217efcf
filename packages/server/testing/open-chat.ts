/** One conversation of two people over a real owner. */
import { directId } from '@duolog/protocol';
import { alice, asks, bob } from './people.ts';
import { PumpRig } from './pump-rig.ts';

export const direct = directId(alice, bob);
const begin = asks(`c/${direct}`, alice, { kind: 'createDirect' });
export const say = (text: string, user = alice) => asks(`c/${direct}`, user, { kind: 'send', text });
const signUp = (user: string, handle: string) =>
  asks(`n/${handle}`, user, { kind: 'signUp', user, name: handle, passwordHash: 'hash' });
export const logIn = (user: string, device: string) =>
  asks(`u/${user}`, user, { kind: 'addDevice', device, name: device });

/** Alice and Bob with a device each on the edge, and their conversation. */
export const openChat = async (options: ConstructorParameters<typeof PumpRig>[0] = {}) => {
  const rig = new PumpRig(options);
  const owner = await rig.openOwner();
  await rig.results(signUp(alice, 'alice'), signUp(bob, 'bob'));
  await rig.results(logIn(alice, 'phone'), logIn(bob, 'laptop'), begin);
  await rig.soft({ kind: 'route', user: alice, device: 'phone', on: true });
  await rig.soft({ kind: 'route', user: bob, device: 'laptop', on: true });
  owner.batches.length = 0;
  rig.heard.length = 0;
  return { rig, owner };
};
