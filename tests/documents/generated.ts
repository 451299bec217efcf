import { referenceMarkdown } from '@duolog/protocol/schema';
import { settingsTable } from '../../packages/server/src/config/print.ts';

const settings = (): string => `# Settings

Made of the table in \`packages/server/src/config/settings.ts\`. \`duolog config\` prints the same with the values in force and where each comes from.

A setting is an environment variable, or a line \`NAME=value\` of a file: the one that \`DUOLOG_CONFIG\` names, or \`duolog.conf\` in the
working directory. \`#\` begins a comment. The environment wins over the file; an empty value counts as not set. An unknown setting or a
value that does not fit keeps the server from starting, with a message that names it.

${settingsTable()}`;

/** Documents that are made of tables, by path from the root. */
export const generated: Readonly<Record<string, () => string>> = {
  'docs/reference.md': referenceMarkdown,
  'docs/operate/settings.md': settings,
};
