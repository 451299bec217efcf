/** One test that did not pass, or was not run. */
export interface Note {
  readonly name: string;
  readonly detail: string;
}

/** What a suite reports, whatever ran it. */
export interface Results {
  readonly passed: number;
  readonly failed: readonly Note[];
  readonly skipped: readonly Note[];
}

/** What a run says at its end; the last line is for machines: `N passed, N failed` and nothing else. */
export function summaryOf(passed: number, failed: number, skipped: readonly Note[]): readonly string[] {
  const named = skipped.map(({ name, detail }) => `skipped: ${name}: ${detail}`);
  return [...named, ...(named.length > 0 ? [`${named.length} skipped`] : []), `${passed} passed, ${failed} failed`];
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replaceAll(
    /&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g,
    (whole, decimal?: string, hex?: string, name?: string) => {
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      return ENTITIES[name ?? ''] ?? whole;
    },
  );
}

function attribute(attributes: string, name: string): string {
  return unescapeXml(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? '');
}

/** Reads the JUnit XML that `bun test` and `node --test` write. */
export function readJunit(xml: string): Results {
  let passed = 0;
  const failed: Note[] = [];
  const skipped: Note[] = [];
  for (const [, attributes = '', body = ''] of xml.matchAll(
    /<testcase\b((?:"[^"]*"|[^">])*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g,
  )) {
    const name = attribute(attributes, 'name');
    const failure = /<(?:failure|error)\b((?:"[^"]*"|[^">])*)>/.exec(body);
    const skip = /<skipped\b((?:"[^"]*"|[^">])*)>/.exec(body);
    if (failure) failed.push({ name, detail: attribute(failure[1] ?? '', 'message') });
    else if (skip) skipped.push({ name, detail: attribute(skip[1] ?? '', 'message') });
    // `node --test` counts a file without any test as one passed test that is named by its path.
    else if (name.startsWith('/')) failed.push({ name, detail: 'this file has no test' });
    else passed += 1;
  }
  return { passed, failed, skipped };
}

function isNote(value: unknown): value is Note {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'detail' in value &&
    typeof value.detail === 'string'
  );
}

/** Reads the `Results` that a script suite writes as JSON. */
export function readJson(text: string): Results {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new TypeError('the report is not an object');
  const { passed, failed, skipped } = { passed: undefined, failed: [], skipped: [], ...value };
  if (typeof passed !== 'number' || !Number.isSafeInteger(passed)) throw new TypeError('passed is not a whole number');
  const notes: readonly unknown[] = [failed, skipped];
  const [failedNotes, skippedNotes] = notes.map((list) => {
    if (Array.isArray(list) && list.every(isNote)) return list;
    throw new TypeError('failed and skipped are not lists of { name, detail }');
  });
  return { passed, failed: failedNotes ?? [], skipped: skippedNotes ?? [] };
}
