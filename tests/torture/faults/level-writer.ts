/**
 * The process that the fault tools are proved with: writes batches into a LevelDB and says `n` on a line of its own when
 * batch n was acknowledged; after a failed one it says `failed` and goes on or stops. With `read`: lists what is there.
 *
 * Arguments: FOLDER read, or FOLDER write SYNC(true|false) ON-ERROR(go-on|stop) BATCHES BUFFER-BYTES
 */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { ClassicLevel } from 'classic-level';

const [folder = '', task = '', sync = '', onError = '', batches = '', bufferBytes = '4194304'] = process.argv.slice(2);
const say = (line: string): void => void writeSync(1, `${line}\n`);
const keyOf = (n: number): string => String(n).padStart(9, '0');

const db = new ClassicLevel<string, string>(folder, { writeBufferSize: Number(bufferBytes), compression: false });
await db.open();
if (task === 'read') {
  for await (const key of db.keys()) say(String(Number(key)));
  await db.close();
} else {
  // LevelDB does not sync the first MANIFEST it makes, nor the name CURRENT it renames into place afterwards.
  const names = openSync(folder, 'r');
  fsyncSync(names);
  closeSync(names);
  say('open');
  // With a buffer of 64 KiB some tables and logs come and go.
  const value = 'v'.repeat(700);
  for (let n = 1; n <= Number(batches); n++) {
    try {
      await db.batch([{ type: 'put', key: keyOf(n), value: `${n} ${value}` }], { sync: sync === 'true' });
      say(String(n));
    } catch (cause) {
      say(`failed ${cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause)}`);
      if (onError === 'stop') break;
    }
  }
  // Only the kill ends it.
  setInterval(() => undefined, 1000);
}
