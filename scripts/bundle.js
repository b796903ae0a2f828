// Makes one file of dist/ and the packages it uses: Node needs as long to find and read 100 files as for all the rest.
// A module in it runs when it is first imported; none does at the start but those on the way of the command asked for.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
// As deep as the modules were in dist/: they look for native/build and templates from where they are.
const file = `${root}dist/bundle/tsct.cjs`;
const ENTRY = '\0entry';
/** What oclif searches and compiles plugins with: tsct is its only one (src/cli/plugin.ts). */
const NOT_REACHED = ['get-package-type', 'lilconfig', 'minimatch', 'tinyglobby', 'typescript'];
/** None of them is imported as a whole (`import * as`) anywhere. */
const DEAR = ['child_process', 'crypto', 'net', 'perf_hooks', 'readline', 'timers/promises'];

/** The module of each command, by id: what oclif's manifest says. */
function entry() {
  const { commands } = JSON.parse(readFileSync(`${root}oclif.manifest.json`, 'utf8'));
  const modules = Object.values(commands).map(
    ({ id, relativePath }) => `'${id}': () => import('${root}${relativePath.join('/')}')`,
  );
  return `import { main as run } from '${root}dist/cli/main.js';
export const main = () => run({${modules.join(',\n')}});`;
}

/**
 * Node's own modules: as externals all that any module imports were loaded at the start. The dear ones, 1 to 5 ms
 * each, only when something of them is used.
 */
function builtin(name) {
  if (!DEAR.includes(name)) return `module.exports = require('${name}');`;
  return `module.exports = new Proxy({}, { get: (_, name) => require('${name}')[name] });`;
}

const plugin = {
  name: 'tsct',
  resolveId(id) {
    if (NOT_REACHED.includes(id)) return '\0not-reached';
    if (id.startsWith('node:')) return `\0${id}`;
    return id === ENTRY ? id : null;
  },
  load(id) {
    if (id === ENTRY) return entry();
    if (id === '\0not-reached') return 'module.exports = {};';
    return id.startsWith('\0node:') ? builtin(id.slice('\0node:'.length)) : null;
  },
};

const { output } = await build({
  input: ENTRY,
  platform: 'node',
  plugins: [plugin],
  logLevel: 'warn',
  write: false,
  output: { format: 'cjs', codeSplitting: false, comments: false },
});
// With a default export, every property of a module of Node's was copied.
const linked = output[0].code.replace(
  /__toESM(?:\$\d+)?\((require__node_\w+\(\)), 1\)/g,
  (_, module) => `((all) => Object.create(all, { default: { value: all } }))(${module})`,
);
// Read as latin1, which V8 keeps as it is: one character of more bits, and all of it would take twice the room.
const code = linked.replace(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `(function (require, __filename) { const exports = {}; ${code}\nreturn exports; })\n`);
execFileSync(process.execPath, [`${root}scripts/code-cache.js`, file], {
  stdio: ['ignore', 'ignore', 'inherit'],
});
