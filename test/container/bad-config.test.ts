import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { refused } from '../support/failures.js';
import { useRoot } from '../support/temp-root.js';

const root = useRoot();
let good = '';

beforeAll(async () => {
  await root.ok(['create', 'box']);
  good = readFileSync(root.layout.configFile('box'), 'utf8');
});

afterEach(() => {
  writeFileSync(root.layout.configFile('box'), good);
});

const BAD: readonly (readonly [what: string, text: string | Buffer, says: RegExp, hint: RegExp | false])[] = [
  ['an unknown key', '[Exec]\n\nHostnam=x\n', /config:3: .*Hostnam/, /Hostname/],
  ['an unknown section', '[Exce]\nHostname=x\n', /config:1: .*Exce/, /Exec/],
  ['a wrong value', '[Exec]\nPrivateUsers=maybe\nLimitNOFILE=many\n', /config:\d: /, false],
  ['a key of no section', 'Hostname=x\n', /config:1: /, false],
  ['a line that is nothing', '[Exec]\nwhat is this\n', /config:2: /, false],
  ['a NUL byte', Buffer.from('[Exec]\n\0'), /config:2: has a NUL byte/, /INI text/],
  ['binary junk', randomBytes(4096), /config(:\d+)?: (has a NUL byte|is not UTF-8)/, /INI text/],
  ['10 MB', Buffer.alloc(10_000_000, '# a long comment\n'), /is larger than 256 KiB/, false],
  ['one line of 200 kB', `[Exec]\nHostname=${'x'.repeat(200_000)}\n`, /config:2: /, false],
];

test.each(BAD)('start with %s in its config', async (_, text, says, hint) => {
  writeFileSync(root.layout.configFile('box'), text);
  const result = await refused(root, ['start', 'box'], { exitCode: 1, says, hint });
  expect(result.stderr.length, 'a message fits a screen').toBeLessThan(2_000);
});

test('a drop-in is named by its own file and line', async () => {
  const dropIns = root.layout.dropInDir('box');
  mkdirSync(dropIns);
  writeFileSync(join(dropIns, '10-more.conf'), '# more\n[Exec]\nNo=1\n');
  await refused(root, ['start', 'box'], { exitCode: 1, says: /10-more\.conf:3: /, hint: false });
  rmSync(dropIns, { recursive: true });
});

test('a config that cannot be read keeps nobody from stopping and destroying', async () => {
  await root.ok(['create', 'broken', '--start']);
  writeFileSync(root.layout.configFile('broken'), randomBytes(512));
  expect((await root.ok(['list', '--json'])).stdout).toContain('"running"');
  await root.ok(['stop', '--all']);
  expect((await root.ok(['info', 'broken', '--json'])).json<{ state: string }>().state).toBe('stopped');
  await root.ok(['destroy', 'broken']);
});

test.each([
  ['create', 'new', '--set', 'Exec.Hostnam=x'],
  ['create', 'new', '--set', 'Exec.Hostname=-bad-'],
  ['create', 'new', '--set', 'Hostname'],
  ['create', 'new', '--set', `Exec.Hostname=${'x'.repeat(300)}`],
  ['config', 'set', 'box', 'Exec.Hostnam=x'],
  ['config', 'set', 'box', 'Exec.Hostname=fine', 'Exec.LimitNOFILE=many'],
  ['config', 'unset', 'box', 'Exec.Nothing'],
])('%s %s %s %s', async (...args) => {
  await refused(root, args, { exitCode: 2, says: /^Error: \S/, hint: false });
});

test('a record of tsct that is damaged is named, and does not keep the others from being listed', async () => {
  const file = root.layout.identityFile('box');
  const identity = readFileSync(file);
  for (const damaged of ['', '{', '[]', '{"format":1}', '{"format":99}', randomBytes(64)]) {
    writeFileSync(file, damaged);
    const exitCode = damaged === '{"format":99}' ? 5 : 1;
    await refused(root, ['start', 'box'], { exitCode, says: /cannot read .*identity\.json: / });
  }
  expect((await root.ok(['list', '-q'])).stdout).toBe('box\n');
  writeFileSync(file, identity);
  await root.ok(['start', 'box']);
  await root.ok(['stop', '--kill', 'box']);
});
