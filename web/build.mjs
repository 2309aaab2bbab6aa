// SPDX-License-Identifier: MIT
// Builds the dashboard: checks the types, refuses unsafe text, bundles, names by content, compresses,
// and writes the table that is linked into leakd.
//
//   node build.mjs [--out DIR] [--modules DIR]
//
// DIR/page holds the page as it is, DIR/gzip compressed, DIR/assets.c and DIR/assets.S the table.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const HERE = dirname(fileURLToPath(import.meta.url));
const SOURCES = join(HERE, 'src');

/** Bytes after gzip: of script what the overview loads, what the page of a process does, and what there
 * is in all; and the styles. */
const BUDGETS = { overview: 40_000, process: 60_000, script: 76_000, styles: 12_000 };

/** Engines that know light-dark(), which the styles rest on. */
const TARGET = ['chrome123', 'firefox120', 'safari17.5'];

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Names and files come from other programs: nothing may become markup or code. */
const UNSAFE = /innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|\beval\(|new Function|createContextualFragment|\bstyle="/;

function fail(message) {
  console.error(`web: ${message}`);
  process.exit(1);
}

function readArguments() {
  const values = { out: join(HERE, 'dist'), modules: join(HERE, 'node_modules') };
  for (let at = 2; at < process.argv.length; at += 2) {
    const name = process.argv[at].replace(/^--/, '');
    const value = process.argv[at + 1];
    if (!(name in values) || value === undefined) fail('usage: node build.mjs [--out DIR] [--modules DIR]');
    values[name] = resolve(value);
  }
  return values;
}

const extension = (name) => name.slice(name.lastIndexOf('.'));

function sourceFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? sourceFiles(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

function refuseUnsafeText() {
  for (const file of sourceFiles(SOURCES)) {
    const lines = readFileSync(file, 'utf8').split('\n');
    const at = lines.findIndex((line) => UNSAFE.test(line));
    if (at >= 0) fail(`${relative(HERE, file)}:${at + 1}: text may only enter the page as JSX text`);
  }
}

/** The modules may lie outside the source tree: the compiler is told where. */
function checkTypes({ out, modules }) {
  const config = join(out, 'tsconfig.json');
  const paths = { '*': [join(modules, '*')] };
  writeFileSync(
    config,
    JSON.stringify({ extends: join(HERE, 'tsconfig.json'), compilerOptions: { paths }, include: [SOURCES] }),
  );
  const tsc = join(modules, 'typescript', 'bin', 'tsc');
  const done = spawnSync(process.execPath, [tsc, '--noEmit', '-p', config], { stdio: 'inherit' });
  if (done.status !== 0) fail('the types do not hold');
}

const COMMON = {
  bundle: true,
  write: false,
  outdir: HERE,
  minify: true,
  target: TARGET,
  legalComments: 'none',
  logLevel: 'warning',
};

/** Files that an entry brings along at once: those that it imports, and theirs. */
function closureOf(outputs, entry) {
  const found = new Set([entry]);
  for (const path of found) {
    for (const one of outputs[path].imports) if (one.kind === 'import-statement') found.add(one.path);
  }
  return found;
}

/** The page in parts, what somebody asks for by import() being loaded when it is needed; their names
 * carry their content, because they name each other. The theme runs before the first paint, so it is
 * no module. */
async function bundle(esbuild, modules) {
  const page = await esbuild.build({
    ...COMMON,
    entryPoints: { app: join(SOURCES, 'main.tsx') },
    format: 'esm',
    splitting: true,
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    nodePaths: [modules],
    metafile: true,
  });
  const theme = await esbuild.build({ ...COMMON, entryPoints: { theme: join(SOURCES, 'theme.ts') }, format: 'iife', entryNames: '[name]-[hash]' });
  const { outputs } = page.metafile;
  const entryOf = (source) => Object.keys(outputs).find((path) => outputs[path].entryPoint?.endsWith(source));
  const overview = closureOf(outputs, entryOf('src/main.tsx'));
  const process = new Set([...overview, ...closureOf(outputs, entryOf('src/process/process-page.tsx'))]);
  const isIn = (files, file) => [...files].some((path) => resolve(path) === file.path);
  return [...page.outputFiles, ...theme.outputFiles].map((file) => ({
    name: relative(HERE, file.path),
    data: Buffer.from(file.contents),
    loads: theme.outputFiles.includes(file) ? ['overview', 'process'] : [...(isIn(overview, file) ? ['overview'] : []), ...(isIn(process, file) ? ['process'] : [])],
    isNamed: true,
  }));
}

const hash = (data) => createHash('sha256').update(data).digest('hex').slice(0, 12);

/** Licences of what is bundled ask to go along with every copy. */
function licences(modules) {
  return ['preact', 'uplot']
    .map((name) => `${name}\n\n${readFileSync(join(modules, name, 'LICENSE'), 'utf8')}`)
    .join('\n\n');
}

/** Names of hashed files carry their content, so they may be kept for ever; the page may not. */
function nameAssets(files) {
  const named = files.map(({ name, data, loads, isNamed }) => {
    const stem = name.slice(0, -extension(name).length);
    const path = isNamed ? `/assets/${name}` : `/assets/${stem}-${hash(data)}${extension(name)}`;
    return { name: isNamed ? name.replace(/-[^-]+(?=\.\w+$)/, '') : name, path, data, loads: loads ?? [], immutable: true };
  });
  const page = readFileSync(join(SOURCES, 'index.html'), 'utf8').replace(/\{\{(.+?)\}\}/g, (_, name) => {
    const asset = named.find((one) => one.name === name);
    return asset ? asset.path : fail(`index.html asks for ${name}, which is not built`);
  });
  return [{ name: 'index.html', path: '/index.html', data: Buffer.from(page), immutable: false }, ...named];
}

function typeOf(path) {
  return TYPES[extension(path)] ?? 'text/plain; charset=utf-8';
}

function tableSource(assets) {
  const externs = assets.map((_, at) => `extern const unsigned char web_asset_${at}[];`).join('\n');
  const rows = assets
    .map(({ path, data, zipped, immutable }, at) =>
      [
        `    {"${path}", "${typeOf(path)}", "\\"${hash(data)}\\"",`,
        `     web_asset_${at}, ${zipped.length}, ${data.length}, ${immutable ? 1 : 0}},`,
      ].join('\n'),
    )
    .join('\n');
  return `/* Generated by web/build.mjs. */
#include "web/assets.h"

${externs}

const struct http_asset web_assets[] = {
${rows}
};
const size_t web_asset_count = ${assets.length};
`;
}

/** The hashes in the comments make this file change with every content, so that it is assembled
 * again. */
function bytesSource(assets, folder) {
  const parts = assets.map(
    ({ data, file }, at) => `/* ${hash(data)} */
    .globl web_asset_${at}
    .hidden web_asset_${at}
    .balign 16
web_asset_${at}:
    .incbin "${join(folder, file)}"
`,
  );
  return `/* Generated by web/build.mjs. */
    .section .rodata
${parts.join('')}
    .section .note.GNU-stack,"",%progbits
`;
}

function writeAssets(assets, out) {
  for (const folder of ['page', 'gzip']) rmSync(join(out, folder), { recursive: true, force: true });
  for (const folder of ['page/assets', 'gzip']) mkdirSync(join(out, folder), { recursive: true });
  for (const asset of assets) {
    asset.zipped = gzipSync(asset.data, { level: 9 });
    asset.file = `${asset.path.slice(asset.path.lastIndexOf('/') + 1)}.gz`;
    writeFileSync(join(out, 'page', asset.path), asset.data);
    writeFileSync(join(out, 'gzip', asset.file), asset.zipped);
  }
  writeFileSync(join(out, 'assets.c'), tableSource(assets));
  writeFileSync(join(out, 'assets.S'), bytesSource(assets, join(out, 'gzip')));
}

function reportSizes(assets) {
  const sum = (kind, only) =>
    assets.filter((asset) => extension(asset.path) === kind && only(asset)).reduce((bytes, asset) => bytes + asset.zipped.length, 0);
  const loadedBy = (screen) => sum('.js', (asset) => asset.loads.includes(screen));
  const sizes = { overview: loadedBy('overview'), process: loadedBy('process'), script: sum('.js', () => true), styles: sum('.css', () => true) };
  for (const [name, budget] of Object.entries(BUDGETS)) {
    console.log(`web: ${name} ${(sizes[name] / 1000).toFixed(1)} kB gzip of ${budget / 1000} kB`);
    if (sizes[name] > budget) fail(`${name} is over its budget`);
  }
}

const where = readArguments();
if (!existsSync(join(where.modules, 'esbuild'))) fail('no modules: run `npm ci --ignore-scripts` first');
mkdirSync(where.out, { recursive: true });
refuseUnsafeText();
checkTypes(where);
const esbuild = createRequire(join(where.modules, 'none.js'))('esbuild');
const files = await bundle(esbuild, where.modules);
const extra = [
  { name: 'icon.svg', data: readFileSync(join(SOURCES, 'icon.svg')) },
  { name: 'licences.txt', data: Buffer.from(licences(where.modules)) },
];
const assets = nameAssets([...files, ...extra]);
writeAssets(assets, where.out);
reportSizes(assets);
