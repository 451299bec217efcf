/** A small document, written as Markdown and as HTML. In text, `backticks` mark code; everything else is plain. */

export type Block =
  | { readonly kind: 'heading'; readonly level: 1 | 2 | 3; readonly text: string; readonly anchor?: string }
  | { readonly kind: 'paragraph'; readonly text: string }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'table'; readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };

export const heading = (level: 1 | 2 | 3, text: string, anchor?: string): Block =>
  anchor === undefined ? { kind: 'heading', level, text } : { kind: 'heading', level, text, anchor };
export const paragraph = (text: string): Block => ({ kind: 'paragraph', text });
export const code = (text: string): Block => ({ kind: 'code', text });
export const list = (...items: readonly string[]): Block => ({ kind: 'list', items });
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): Block => ({
  kind: 'table',
  head,
  rows,
});

/** A link to a heading of the same document. */
export const link = (text: string, anchor: string): string => `[${text}](#${anchor})`;

const row = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;

const markdownOf = (block: Block): string => {
  switch (block.kind) {
    case 'heading':
      return `${block.anchor === undefined ? '' : `<a id="${block.anchor}"></a>\n\n`}${'#'.repeat(block.level)} ${block.text}`;
    case 'paragraph':
      return block.text;
    case 'code':
      return `\`\`\`\n${block.text}\n\`\`\``;
    case 'list':
      return block.items.map((item) => `- ${item}`).join('\n');
    case 'table':
      return [row(block.head), row(block.head.map(() => '---')), ...block.rows.map(row)].join('\n');
    default: {
      const never: never = block;
      return never;
    }
  }
};

export const toMarkdown = (blocks: readonly Block[]): string => `${blocks.map(markdownOf).join('\n\n')}\n`;

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const inline = (text: string): string =>
  text
    .split('`')
    .map((part, i) => (i % 2 === 1 ? `<code>${escapeHtml(part)}</code>` : escapeHtml(part)))
    .join('')
    .replace(/\[((?:[^\][]|\[\])*)\]\(#([A-Za-z0-9.-]+)\)/g, '<a href="#$2">$1</a>');

const htmlRow = (cells: readonly string[], tag: 'th' | 'td'): string =>
  `<tr>${cells.map((cell) => `<${tag}>${inline(cell)}</${tag}>`).join('')}</tr>`;

const htmlOf = (block: Block): string => {
  switch (block.kind) {
    case 'heading':
      return `<h${block.level}${block.anchor === undefined ? '' : ` id="${block.anchor}"`}>${inline(block.text)}</h${block.level}>`;
    case 'paragraph':
      return `<p>${inline(block.text)}</p>`;
    case 'code':
      return `<pre>${escapeHtml(block.text)}</pre>`;
    case 'list':
      return `<ul>${block.items.map((item) => `<li>${inline(item)}</li>`).join('')}</ul>`;
    case 'table':
      return `<table>\n<thead>${htmlRow(block.head, 'th')}</thead>\n<tbody>\n${block.rows.map((cells) => htmlRow(cells, 'td')).join('\n')}\n</tbody>\n</table>`;
    default: {
      const never: never = block;
      return never;
    }
  }
};

export const toHtml = (blocks: readonly Block[]): string => blocks.map(htmlOf).join('\n');
