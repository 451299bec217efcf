/** Questions to a person at a terminal, or to whatever is piped in. */
import { createInterface } from 'node:readline';
import { CommandError } from './command.ts';

/** One line that is typed and not shown. Ctrl-C and Ctrl-D end it. */
const typeUnseen = (question: string): Promise<string> => {
  const { stdin, stderr } = process;
  stderr.write(question);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  stdin.resume();
  return new Promise((resolve, reject) => {
    let typed = '';
    const end = (): void => {
      stdin.off('data', onData);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
    };
    const onData = (chunk: string | Buffer): void => {
      for (const char of String(chunk)) {
        if (char === '\r' || char === '\n') {
          end();
          return resolve(typed);
        }
        if (char === '\u0003' || char === '\u0004') {
          end();
          return reject(new CommandError('no password given'));
        }
        if (char === '\u007f' || char === '\b') typed = Array.from(typed).slice(0, -1).join('');
        else if (char >= ' ') typed += char;
      }
    };
    stdin.on('data', onData);
  });
};

/** The first line of what is piped in. */
const readLine = async (): Promise<string> => {
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  try {
    for await (const line of lines) return line;
  } finally {
    lines.close();
  }
  throw new CommandError('no password given: type it, or pipe it in as one line');
};

/** A question answered with a line that is shown. */
export const ask = (question: string): Promise<string> => {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve, reject) => {
    // Ctrl-C and the end of the input close it; after an answer the rejection comes too late to count.
    lines.once('close', () => reject(new CommandError('nothing was answered')));
    lines.question(question, (answer) => {
      resolve(answer);
      lines.close();
    });
  });
};

/** A password: typed unseen (twice, if it is a new one), or the first line of what is piped in. */
export const askPassword = async (options: { readonly twice: boolean }): Promise<string> => {
  if (!process.stdin.isTTY) return readLine();
  const password = await typeUnseen('Password: ');
  if (options.twice && (await typeUnseen('Again: ')) !== password) throw new CommandError('the two passwords differ');
  return password;
};
