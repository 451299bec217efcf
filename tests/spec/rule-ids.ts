/** Ids of rules: where they are written down, and which tests carry them. */

/** A rule's id, such as `COM10`. */
const ID = /[A-Z]{3}\d+/;

export interface WrittenRules {
  /** Rules in force, in the order in which they are written. */
  readonly rules: readonly string[];
  /** Written but not built. */
  readonly planned: readonly string[];
}

/** The rules of docs/SPEC.md: `- **ID** sentence` in force, `- ID sentence` below `## Planned`. */
export const rulesOf = (markdown: string): WrittenRules => {
  const [inForce = '', planned = ''] = markdown.split(/^## Planned$/m);
  const ids = (text: string, line: RegExp): readonly string[] => [...text.matchAll(line)].map(([, id = '']) => id);
  return {
    rules: ids(inForce, new RegExp(`^- \\*\\*(${ID.source})\\*\\* \\S`, 'gm')),
    planned: ids(planned, new RegExp(`^- (${ID.source}) \\S`, 'gm')),
  };
};

/** A text in quotes that is the first of several arguments: the name of a test, and hardly anything else. */
const FIRST_ARGUMENT = /\(\s*("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)\s*,/g;
const BRACKETS = new RegExp(`\\[(${ID.source}(?:, ?${ID.source})*)\\]`, 'g');

/** The ids that the names of a file's tests carry: `… [COM1]`, `… [COM1] [SYN2]` or `… [COM1, SYN2]`. */
export const idsInNames = (source: string): readonly string[] =>
  [...source.matchAll(FIRST_ARGUMENT)].flatMap(([, name = '']) =>
    [...name.matchAll(BRACKETS)].flatMap(([, ids = '']) => ids.split(/, ?/)),
  );

/** What does not fit between rules and tests; empty when all does. */
export const faultsBetween = (written: WrittenRules, carried: ReadonlySet<string>): readonly string[] => {
  const { rules, planned } = written;
  const known = new Set([...rules, ...planned]);
  return [
    ...rules.filter((id, i) => rules.indexOf(id) !== i).map((id) => `${id} is written twice`),
    ...planned.filter((id) => rules.includes(id)).map((id) => `${id} is both in force and planned`),
    ...rules.filter((id) => !carried.has(id)).map((id) => `${id} is in no test's name`),
    ...[...carried].filter((id) => !known.has(id)).map((id) => `${id} is in a test's name but not in docs/SPEC.md`),
    ...planned.filter((id) => carried.has(id)).map((id) => `${id} is planned, but a test carries it`),
  ].toSorted();
};
