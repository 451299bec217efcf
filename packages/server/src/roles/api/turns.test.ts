import { expect, test } from 'bun:test';
import { createTurns } from './turns.ts';

const open = () => {
  const turns = createTurns(3, 2);
  const begun: string[] = [];
  const waits: PromiseWithResolvers<string>[] = [];
  const run = (user: string): Promise<string> =>
    turns.run(user, () => {
      begun.push(user);
      const wait = Promise.withResolvers<string>();
      waits.push(wait);
      return wait.promise;
    });
  return { turns, begun, waits, run };
};

test('a few long queries are worked on at a time, and fewer of one user [API14]', async () => {
  const { turns, begun, waits, run } = open();
  const first = run('a');
  const others = [run('a'), run('a'), run('a'), run('b'), run('b')];
  await Bun.sleep(0);
  expect(begun).toEqual(['a', 'a', 'b']);
  waits[0]?.resolve('done');
  expect(await first).toBe('done');
  await Bun.sleep(0);
  expect(begun).toEqual(['a', 'a', 'b', 'b']);
  waits[1]?.reject(new Error('it broke'));
  expect(String(await others[0]?.catch((error: unknown) => error))).toContain('it broke');
  await Bun.sleep(0);
  expect(begun).toEqual(['a', 'a', 'b', 'b', 'a']);
  for (const wait of waits) wait.resolve('');
  await Bun.sleep(0);
  for (const wait of waits) wait.resolve('');
  await Promise.allSettled(others);
  expect(turns.size).toBe(0);
});
