/** The command line. */
import { DuologError } from '@duolog/sdk';
import { EXIT, CommandError, UsageError, helpOf, readArguments } from './cli/command.ts';
import type { Command } from './cli/command.ts';
import { commands } from './cli/commands.ts';
import { programVersion } from './cli/version.ts';

const overview = (): string => {
  const lines = commands.map(
    ({ name, usage, summary }) => [`  ${name}${usage === '' ? '' : ` ${usage}`}`, summary] as const,
  );
  const width = Math.max(...lines.map(([left]) => left.length)) + 2;
  return [
    'duolog: a chat server for one-to-one and group text',
    '',
    'Usage: duolog COMMAND [--help]',
    '',
    ...lines.map(([left, summary]) => `${left.padEnd(width)}${summary}`),
    `${'  help [COMMAND]'.padEnd(width)}Show this, or what a command takes.`,
    `${'  version'.padEnd(width)}Show the version.`,
    '',
  ].join('\n');
};

/** The command that the first words name (`user add` has two), and the words after it. */
const find = (argv: readonly string[]): readonly [Command | undefined, readonly string[]] => {
  const named = commands.find(({ name }) => name === argv.slice(0, name.split(' ').length).join(' '));
  return [named, argv.slice(named?.name.split(' ').length ?? 1)];
};

/** Says that there is no such command, and which ones begin so. */
const refuse = (words: readonly string[]): number => {
  const [word = ''] = words;
  const longer = commands.filter(({ name }) => name.startsWith(`${word} `)).map(({ name }) => `"duolog ${name}"`);
  const hint = longer.length === 0 ? '"duolog help" lists them' : `there is ${longer.join(', ')}`;
  process.stderr.write(`duolog: there is no command "${longer.length === 0 ? word : words.join(' ')}"; ${hint}\n`);
  return EXIT.usage;
};

const help = (asked: readonly string[]): number => {
  const [command] = find(asked);
  if (command === undefined && asked.length > 0) return refuse(asked);
  process.stdout.write(command === undefined ? overview() : helpOf(command));
  return EXIT.done;
};

const run = async (argv: readonly string[]): Promise<number> => {
  const [word] = argv;
  if (word === undefined) {
    process.stderr.write(overview());
    return EXIT.usage;
  }
  if (word === 'help' || word === '--help' || word === '-h') return help(argv.slice(1));
  if (word === 'version' || word === '--version') {
    process.stdout.write(`duolog ${programVersion()}\n`);
    return EXIT.done;
  }
  const [command, rest] = find(argv);
  if (command === undefined) return refuse(argv);
  try {
    const args = readArguments(command, rest);
    if (args.values['help'] !== true) return await command.run(args);
    process.stdout.write(helpOf(command));
    return EXIT.done;
  } catch (thrown) {
    if (thrown instanceof UsageError) {
      process.stderr.write(`duolog ${command.name}: ${thrown.message}; "duolog ${command.name} --help" tells more\n`);
      return EXIT.usage;
    }
    // What a command could not do, and what kept the server or its store from being opened, is told by its message alone.
    if (thrown instanceof CommandError || thrown instanceof DuologError) {
      // The protocol names a field by its path; here it is what was typed.
      process.stderr.write(`duolog ${command.name}: ${thrown.message.replace(/^params\./, 'the ')}\n`);
      return EXIT.failed;
    }
    throw thrown;
  }
};

process.exitCode = await run(process.argv.slice(2)).catch((thrown: unknown) => {
  process.stderr.write(`duolog: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}\n`);
  return EXIT.failed;
});
// What is left open (a slow connection, a timer) must not keep a process that is done.
process.exit();
