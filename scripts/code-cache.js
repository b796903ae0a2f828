// code-cache.js BUNDLE - writes BUNDLE.cache: what V8 compiled of the bundle in the usual commands, in a state root of
// its own where nothing is started. Without root or the native programs they fail early, and the cache is smaller.
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
for (const stream of [process.stdout, process.stderr]) stream.write = () => true;
const create = (name) => `create ${name} --template busybox`;
for (const line of [
  '--version',
  create('x'),
  create('y'), // from the cached image
  'list',
  'info x',
  'snapshot create x s',
  'snapshot list x',
  'snapshot restore x@s',
  'clone x z',
  'snapshot delete x@s',
  'start x --dry-run --json',
  'exec x -- true',
  'stop x',
  'destroy -f x y z',
  'start x',
]) {
  process.argv.splice(2, process.argv.length, ...line.split(' '));
  await main();
}
process.exitCode = 0;
writeFileSync(`${filename}.cache`, script.createCachedData());
rmSync(root, { recursive: true });
