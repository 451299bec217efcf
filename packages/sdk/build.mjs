// Builds the package that is published, in dist/: minified JavaScript for every runtime (each entry a file of its own), declarations with the
// protocol's rolled in, a package.json. Prints the gzipped size and fails when it is above the limit.
// Publish it with `npm publish packages/sdk/dist`.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const MAX_GZIPPED_BYTES = 15_000;

const home = import.meta.dirname ?? dirname(new URL(import.meta.url).pathname);
const dist = join(home, 'dist');
const types = join(dist, 'types');
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));

async function buildScripts() {
  const { metafile } = await build({
    absWorkingDir: home,
    entryPoints: { index: 'src/index.ts', testing: 'src/testing/index.ts' },
    outdir: 'dist',
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    minify: true,
    // Node shows the line an error comes from; it is not to be the whole script.
    lineLimit: 1000,
    sourcemap: true,
    metafile: true,
    logLevel: 'warning',
  });
  return metafile.outputs;
}

/** Gzipped bytes of a script and all that it loads. */
function gzippedBytes(outputs, entry) {
  const reached = new Set([entry]);
  for (const path of reached) {
    for (const loaded of outputs[path].imports) {
      if (loaded.external) throw new Error(`${path} imports ${loaded.path}; the SDK depends on nothing`);
      reached.add(loaded.path);
    }
  }
  return [...reached].reduce((sum, path) => sum + gzipSync(readFileSync(join(home, path)), { level: 9 }).length, 0);
}

/** Declarations that others name and that are not there. */
function missingDeclarations() {
  const missing = new Set();
  for (const name of readdirSync(types, { recursive: true })) {
    if (!name.endsWith('.d.ts')) continue;
    const path = join(types, name);
    for (const [, named] of readFileSync(path, 'utf8').matchAll(/\bfrom\s*['"](\.[^'"]*)\.ts['"]/g)) {
      const declaration = join(dirname(path), `${named}.d.ts`);
      if (!existsSync(declaration)) missing.add(relative(types, declaration));
    }
  }
  return [...missing];
}

function buildDeclarations() {
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const argv = [compiler, '-p', join(home, 'tsconfig.build.json'), '--singleThreaded'];
  execFileSync(process.execPath, argv, { stdio: 'inherit' });
  // The compiler has been seen to end well and leave files out; then it is asked once more.
  if (missingDeclarations().length > 0) execFileSync(process.execPath, argv, { stdio: 'inherit' });
  const missing = missingDeclarations();
  if (missing.length > 0) throw new Error(`the compiler left out ${missing.join(', ')}`);
  const protocol = join(types, 'protocol', 'src', 'index.js');
  for (const name of readdirSync(types, { recursive: true })) {
    if (!name.endsWith('.d.ts')) continue;
    const path = join(types, name);
    const toProtocol = relative(dirname(path), protocol)
      .replaceAll('\\', '/')
      .replace(/^(?!\.)/, './');
    const text = readFileSync(path, 'utf8')
      .replaceAll(/(\bfrom\s*|\bimport\s*\(?\s*)(['"])@duolog\/protocol\2/g, `$1$2${toProtocol}$2`)
      .replaceAll(/(\bfrom\s*|\bimport\s*\(?\s*)(['"])(\.[^'"]*)\.ts\2/g, '$1$2$3.js$2');
    writeFileSync(path, text);
  }
}

function writeManifest() {
  const { name, version, description, license, type, sideEffects, keywords } = read(join(home, 'package.json'));
  const face = (script, declaration) => ({ types: `./types/sdk/src/${declaration}.d.ts`, default: `./${script}.js` });
  const exports = {
    '.': face('index', 'index'),
    './testing': face('testing', 'testing/index'),
    './package.json': './package.json',
  };
  const manifest = { name, version, description, license, type, sideEffects, keywords, exports };
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  copyFileSync(join(home, '..', '..', 'LICENSE'), join(dist, 'LICENSE'));
  if (existsSync(join(home, 'README.md'))) copyFileSync(join(home, 'README.md'), join(dist, 'README.md'));
}

rmSync(dist, { recursive: true, force: true });
const outputs = await buildScripts();
const bytes = gzippedBytes(outputs, 'dist/index.js');
buildDeclarations();
writeManifest();
console.log(`SDK: ${bytes} bytes gzipped of at most ${MAX_GZIPPED_BYTES}`);
if (bytes > MAX_GZIPPED_BYTES) process.exit(1);
