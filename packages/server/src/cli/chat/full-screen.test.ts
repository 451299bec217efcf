import { expect, test } from 'bun:test';
import { newChatStage, until } from '../../../testing/chat-stage.ts';
import { TestInput } from '../../../testing/test-input.ts';
import { runFullScreen } from './full-screen.ts';

const screen = { columns: 60, rows: 12, write: () => undefined, on: () => undefined, off: () => undefined };

test('what is typed is said, also when its characters arrive in pieces [OPS14]', async () => {
  const stage = newChatStage();
  const client = await stage.open();
  await client.live();
  const input = new TestInput();
  const done = runFullScreen({ client, input, screen, first: undefined, ended: new Promise(() => undefined) });
  for (const byte of Buffer.from('你好😀\r')) input.give(Buffer.from([byte]));
  await until('it is said', () => stage.texts().length > 0);
  expect(stage.texts()).toEqual(['你好😀']);
  input.give(Buffer.from('\x03'));
  expect(await done).toEqual({ quit: true });
  expect(input.raw).toBe(false);
  await client.close();
});
