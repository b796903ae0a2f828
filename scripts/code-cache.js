// code-cache.js BUNDLE - writes BUNDLE.cache: what V8 compiled of the bundle in commands that change nothing.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Script } from 'node:vm';

const filename = process.argv[2];
const script = new Script(readFileSync(filename, 'latin1'), { filename });
const { main } = script.runInThisContext()(createRequire(filename), filename);
const root = mkdtempSync(join(tmpdir(), 'tsct-build-'));
process.env.TSCT_ROOT = root;
process.stderr.write = () => true; // most of them fail
for (const words of [
  ['--version'],
  ['list'],
  ['info', 'x'],
  ['start', 'x'],
  ['stop', 'x'],
  ['exec', 'x', 'true'],
]) {
  process.argv.splice(2, process.argv.length, ...words);
  await main();
}
process.exitCode = 0;
writeFileSync(`${filename}.cache`, script.createCachedData());
rmSync(root, { recursive: true });
