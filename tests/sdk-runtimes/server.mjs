// A real server for the runtime tests, behind a proxy whose connections a test can cut. Plain JavaScript for Node and Bun.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bun = process.versions.bun === undefined ? join(root, 'node_modules', '.bin', 'bun') : process.execPath;

/** Forwards to a port of this machine. `cut` drops every connection as a lost network does. */
async function startProxy(targetPort) {
  const sockets = new Set();
  const proxy = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return { url: `http://127.0.0.1:${proxy.address().port}`, cut, close: () => (cut(), proxy.close()) };
}

/** Starts a server with an empty store; `stop` leaves nothing behind. */
export async function startServer() {
  const data = mkdtempSync(join(tmpdir(), 'duolog-runtimes-'));
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('DUOLOG_'));
  const child = spawn(bun, [join(root, 'packages', 'server', 'src', 'main.ts'), 'serve'], {
    env: { ...Object.fromEntries(own), NO_COLOR: '1', DUOLOG_PORT: '0', DUOLOG_DATA: join(data, 'data') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [said, errors] = ['', ''];
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
  const port = await new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said += text;
      const found = / serves http:\/\/127\.0\.0\.1:(\d+) /.exec(said);
      if (found !== null) resolve(Number(found[1]));
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${errors}`)));
  });
  const proxy = await startProxy(port);
  const stop = async () => {
    proxy.close();
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    rmSync(data, { recursive: true, force: true });
  };
  return { url: proxy.url, cut: proxy.cut, stop };
}
