import { expect, test } from 'bun:test';
import { DuologError, memoryCache } from '@duolog/sdk';
import type { Client } from '@duolog/sdk';
import { newChatStage, until } from '../../../testing/chat-stage.ts';
import { runPiped } from './piped.ts';
import type { PipedOptions } from './piped.ts';

async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

/** After one line nothing comes, and no end. */
async function* endless(line: string): AsyncGenerator<string> {
  yield line;
  await new Promise(() => undefined);
}

/** A run over these lines, and what it tells. */
const start = (client: Client, lines: readonly string[], more: Partial<PipedOptions> = {}) => {
  const told: string[] = [];
  const stored = runPiped({
    client,
    lines: each(lines),
    write: () => undefined,
    tell: (text) => void told.push(text),
    to: 'bob',
    fresh: false,
    follow: false,
    ended: new Promise(() => undefined),
    storeMs: 5_000,
    ...more,
  });
  return { told, stored };
};

const refusing = ({ server }: ReturnType<typeof newChatStage>): (() => void) =>
  server.script('message.send', () => ({ error: new DuologError('forbidden') }));

const failures = (client: Client): number => client.sendings().filter(({ state }) => state.status === 'failed').length;

test('a message that is refused fails the run that said it, which tells how to drop it, and no later one [OPS14]', async () => {
  const stage = newChatStage();
  const client = await stage.open();
  const accept = refusing(stage);
  const first = start(client, ['lost']);
  expect(await first.stored).toBe(false);
  expect(first.told).toEqual([expect.stringMatching(/^Not sent: /), expect.stringContaining('/discard')]);
  accept();
  const second = start(client, ['said']);
  expect([await second.stored, second.told]).toEqual([true, []]);
  expect(failures(client)).toBe(1);
  refusing(stage);
  const third = start(client, ['lost too']);
  expect(await third.stored).toBe(false);
  expect(third.told.filter((text) => text.startsWith('Not sent'))).toHaveLength(1);
  expect(stage.texts()).toEqual(['said']);
  await client.close();
});

test('what an earlier run left behind and is refused only now is told, and does not fail this one [OPS14]', async () => {
  const stage = newChatStage();
  const cache = memoryCache();
  const before = await stage.open(cache);
  await before.live();
  const hold = stage.server.script('message.send', () => 'lost');
  before.send(stage.direct, 'left behind').stored.catch(() => undefined);
  await until('it is under way', () => stage.server.requests.some(({ method }) => method === 'message.send'));
  await before.close();
  hold();
  stage.server.script('message.send', ({ params }) =>
    'text' in params && params.text === 'left behind' ? { error: new DuologError('forbidden') } : undefined,
  );
  const client = await stage.open(cache);
  const run = start(client, ['said']);
  expect(await run.stored).toBe(true);
  expect(run.told).toEqual([
    expect.stringMatching(/^Not sent, from an earlier run: /),
    expect.stringContaining('/discard'),
  ]);
  expect(stage.texts()).toEqual(['said']);
  await client.close();
});

test('without --to what was refused can be dropped, or sent again for this run [OPS14]', async () => {
  const stage = newChatStage();
  const client = await stage.open();
  const accept = refusing(stage);
  await start(client, ['one']).stored;
  const again = start(client, ['/switch bob', '/retry'], { to: undefined });
  expect([await again.stored, again.told[0]]).toEqual([false, '1 sent again.']);
  accept();
  const dropped = start(client, ['/switch bob', '/discard'], { to: undefined });
  expect([await dropped.stored, dropped.told]).toEqual([true, ['1 dropped.']]);
  expect(failures(client)).toBe(0);
  await client.close();
});

const WAITING = 'The server cannot be reached; waiting for it.';

test('a server that is away is waited for, which is told once [OPS14]', async () => {
  const stage = newChatStage();
  stage.server.unreachable = true;
  const client = await stage.open();
  const { told, stored } = start(client, ['said']);
  await until('it is told', () => told.length > 0);
  await stage.clock.advance(120_000);
  expect(told).toEqual([WAITING]);
  stage.server.unreachable = false;
  await stage.clock.advance(31_000);
  expect([await stored, told, stage.texts()]).toEqual([true, [WAITING], ['said']]);
  await client.close();
});

test('a server that goes away is told too, but not one that is back at once [OPS14]', async () => {
  const stage = newChatStage();
  const client = await stage.open();
  const ended = Promise.withResolvers<void>();
  const { told, stored } = start(client, [], { follow: true, ended: ended.promise });
  await client.live();
  await stage.clock.advance(60_000);
  stage.server.cut();
  await stage.clock.advance(60_000);
  expect([client.state.status, told]).toEqual(['live', []]);
  stage.server.unreachable = true;
  stage.server.cut();
  await stage.clock.advance(120_000);
  expect(told).toEqual([WAITING]);
  ended.resolve();
  expect(await stored).toBe(true);
  await client.close();
});

test('it can be told to end while it waits for the server, and while there may be more lines [OPS14]', async () => {
  const stage = newChatStage();
  stage.server.unreachable = true;
  const waiting = await stage.open();
  expect(await start(waiting, ['x'], { follow: true, ended: Promise.resolve() }).stored).toBe(false);
  await waiting.close();
  stage.server.unreachable = false;
  const client = await stage.open();
  const ended = Promise.withResolvers<void>();
  const { stored } = start(client, [], { follow: true, ended: ended.promise, lines: endless('said') });
  await until('the line is said', () => stage.texts().length > 0);
  ended.resolve();
  expect(await stored).toBe(false);
  await client.close();
});
