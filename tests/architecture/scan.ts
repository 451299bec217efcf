import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';

/** A source file by its path from the repository's root, with `/` between names. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** What a file names in an import or export, resolved to a path from the root when it is relative. */
export interface Import {
  readonly name: string;
  readonly path: string | undefined;
}

const SKIPPED = new Set(['node_modules', 'dist', '.git', '.tmp']);

/** Every TypeScript and JavaScript source below a folder. */
export function readSources(root: string, folder: string): readonly SourceFile[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : readSources(root, path);
    if (!/\.(?:[cm]?[jt]s|[jt]sx)$/.test(entry.name)) return [];
    return [{ path: relative('.', path).split(sep).join('/'), text: readFileSync(join(root, path), 'utf8') }];
  });
}

/** The text without comments, so that a rule does not see what is only talked about. */
function withoutComments(text: string): string {
  return text.replaceAll(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (_, literal?: string) => literal ?? ' ',
  );
}

/** The code alone: no comments, and no content of strings (a template with `${}` in it stays whole). */
export function codeOf(text: string): string {
  const literals = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g;
  return withoutComments(text).replaceAll(literals, (literal) => (literal.includes('${') ? literal : "''"));
}

/** Everything a file imports: static, dynamic, for its effect, re-exported, required or given to `new URL`. */
export function importsOf(file: SourceFile): readonly Import[] {
  const forms =
    /(?:\b(?:import|export)\b[^'"`;]*?\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*|\bnew URL\(\s*)(['"`])([^'"`\n]+)\1/g;
  return [...withoutComments(file.text).matchAll(forms)].map(([, , name = '']) => ({
    name,
    path: name.startsWith('.') ? posix.join(posix.dirname(file.path), name) : undefined,
  }));
}
