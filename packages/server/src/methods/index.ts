/** The table of all methods. */
import { accountGet } from './account.get.ts';
import { accountSignUp } from './account.signUp.ts';
import type { Context } from './context.ts';
import { conversationGet } from './conversation.get.ts';
import { conversationList } from './conversation.list.ts';
import { conversationRead } from './conversation.read.ts';
import { deviceList } from './device.list.ts';
import { deviceRevoke } from './device.revoke.ts';
import { directCreate } from './direct.create.ts';
import { groupAdd } from './group.add.ts';
import { groupCreate } from './group.create.ts';
import { groupLeave } from './group.leave.ts';
import { groupRemove } from './group.remove.ts';
import { groupRename } from './group.rename.ts';
import { handleClaim } from './handle.claim.ts';
import type { Methods } from './handler.ts';
import { hello } from './hello.ts';
import { messageGet } from './message.get.ts';
import { messageList } from './message.list.ts';
import { messageSend } from './message.send.ts';
import { serverFind } from './server.find.ts';
import { sessionLogIn } from './session.logIn.ts';
import { sessionLogOut } from './session.logOut.ts';
import { sync } from './sync.ts';
import { userFind } from './user.find.ts';
import { userGet } from './user.get.ts';
import { watch } from './watch.ts';

export const methods: Methods<Context> = {
  hello,
  'account.signUp': accountSignUp,
  'session.logIn': sessionLogIn,
  'session.logOut': sessionLogOut,
  'server.find': serverFind,
  'account.get': accountGet,
  'handle.claim': handleClaim,
  'user.find': userFind,
  'user.get': userGet,
  'device.list': deviceList,
  'device.revoke': deviceRevoke,
  'direct.create': directCreate,
  'group.create': groupCreate,
  'group.add': groupAdd,
  'group.remove': groupRemove,
  'group.leave': groupLeave,
  'group.rename': groupRename,
  'message.send': messageSend,
  'message.list': messageList,
  'message.get': messageGet,
  'conversation.read': conversationRead,
  'conversation.get': conversationGet,
  'conversation.list': conversationList,
  sync,
  watch,
};
