/** Writes the documents that are made of tables: `npx bun tests/documents/main.ts`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generated } from './generated.ts';

const root = join(import.meta.dirname, '..', '..');
for (const [path, text] of Object.entries(generated)) {
  writeFileSync(join(root, path), text());
  console.log(`wrote ${path}`);
}
