/** Pages for people: what this is, and the reference of the protocol. No script, nothing loaded from elsewhere. */
import { referenceHtml } from '@duolog/protocol/schema';

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --paper: #fbfaf8; --card: #fff; --line: #e3e0da; --accent: #0b6e4f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e3; --soft: #9aa4ae; --paper: #14171a; --card: #1c2024; --line: #30363c; --accent: #5fd0a5; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 3.5rem 1.25rem 4rem; }
main.wide { max-width: 62rem; }
h1 { font-size: 2.1rem; line-height: 1.2; letter-spacing: -.02em; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; }
h3 { font-size: 1rem; margin: 2rem 0 .3rem; }
p { margin: .5rem 0; }
.lead { color: var(--soft); font-size: 1.1rem; margin: 0 0 1.8rem; }
a { color: var(--accent); text-underline-offset: .18em; }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 3px; }
ul.links { list-style: none; padding: 0; margin: 1.5rem 0; display: grid; gap: .6rem; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); }
ul.links li { display: flex; }
ul.links a { flex: 1; padding: .8rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; text-decoration: none; }
ul.links a:hover { border-color: var(--accent); }
ul.links small { display: block; color: var(--soft); }
pre, code { font: .88em/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .9rem 1rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; display: block; overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; }
footer { margin-top: 3rem; color: var(--soft); font-size: .9rem; }
`;

const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const documentOf = (title: string, body: string): string =>
  `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>${escapeHtml(title)}</title>\n<style>${STYLE}</style>\n</head>\n<body>\n${body}\n</body>\n</html>\n`;

/** An answer that is a page. */
export const pageResponse = (html: string): Response => new Response(html, { headers: PAGE_HEADERS });

export interface FrontPage {
  readonly version: string;
  /** The server's address as the reader reached it, such as `https://chat.example.org`. */
  readonly address: string;
}

export const frontPage = ({ version, address }: FrontPage): string => {
  const url = escapeHtml(address);
  return documentOf(
    'duolog',
    `<main>
<h1>duolog</h1>
<p class="lead">A chat server for one-to-one and group text: no message lost, doubled or out of order, on many devices, with all history kept.</p>
<p>It is running. This page is for whoever runs it or builds on it; people chat with a client.</p>
<ul class="links">
<li><a href="/reference">Reference<small>methods, entries, errors, limits</small></a></li>
<li><a href="/openapi.json">OpenAPI<small>the HTTP calls for programs</small></a></li>
<li><a href="/health">Health<small>answers 200 while it serves</small></a></li>
<li><a href="/ready">Readiness<small>whether it takes new work</small></a></li>
<li><a href="/metrics">Metrics<small>Prometheus text</small></a></li>
</ul>
<h2>Chat from a terminal</h2>
<pre>npx duolog chat ${url}</pre>
<h2>Build on it</h2>
<p>Sign up and log in over HTTP, then open a WebSocket; the reference has every method.</p>
<pre>U=${url}/v1
curl $U/account.signUp -d \\
  '{"handle":"carla","password":"correct horse"}'
curl $U/session.logIn -d \\
  '{"handle":"carla","password":"correct horse","deviceName":"curl"}'
TOKEN=…  # the one of the answer
curl $U/user.find -d '{"handle":"carla"}' \\
  -H "Authorization: Bearer $TOKEN"</pre>
<footer>duolog ${escapeHtml(version)}</footer>
</main>`,
  );
};

export const referencePage = (version: string): string =>
  documentOf(
    'duolog reference',
    `<main class="wide">\n${referenceHtml()}\n<footer>duolog ${escapeHtml(version)} · <a href="/">back</a></footer>\n</main>`,
  );
