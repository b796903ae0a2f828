import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { noRoot, testNeeding } from '../support/requires.js';
import { useRoot } from '../support/temp-root.js';

const it = testNeeding(noRoot());
const root = useRoot();
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tsct-cp-'));
  await root.ok(['create', 'web', '--template', 'busybox', '--start']);
});
afterAll(() => rmSync(dir, { recursive: true }));

it('copies a file in with its owner as the container counts, and out again', async () => {
  const file = join(dir, 'file');
  writeFileSync(file, 'hello\n', { mode: 0o640 });
  execFileSync('chown', ['1000:100', file]);
  await root.ok(['cp', file, 'web:/srv/']);
  await root.ok(['cp', file, 'web:/srv/renamed']);
  expect(await root.sh('web', 'cd /srv; stat -c "%n %u %g %a" file renamed; cat file')).toBe(
    'file 1000 100 640\nrenamed 1000 100 640\nhello',
  );
  await root.ok(['cp', 'web:/srv/renamed', join(dir, 'back')]);
  expect(readFileSync(join(dir, 'back'), 'utf8')).toBe('hello\n');
  expect(statSync(join(dir, 'back')).uid).toBe(1000);
});

it('copies trees with -r only', async () => {
  mkdirSync(join(dir, 'tree/sub'), { recursive: true });
  writeFileSync(join(dir, 'tree/sub/x'), 'x');
  symlinkSync('sub/x', join(dir, 'tree/link'));
  const refused = await root.run(['cp', join(dir, 'tree'), 'web:/srv']);
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain('tsct cp -r');
  expect((await root.run(['cp', 'web:/etc', join(dir, 'etc')])).stderr).toContain('tsct cp -r');
  await root.ok(['cp', '-r', join(dir, 'tree'), 'web:/srv']);
  expect(await root.sh('web', 'cat /srv/tree/link; readlink /srv/tree/link')).toBe('xsub/x');
  await root.ok(['cp', '-r', 'web:/srv/tree', join(dir, 'again')]);
  expect(readFileSync(join(dir, 'again/link'), 'utf8')).toBe('x');
});

it('never follows a link of the guest out of it', async () => {
  const host = join(dir, 'host');
  mkdirSync(host);
  await root.sh('web', `ln -s ${host} /srv/out; ln -s /../../../..${host}/planted /srv/deep`);
  const file = join(dir, 'planted');
  writeFileSync(file, 'planted');
  await root.run(['cp', file, 'web:/srv/out/']);
  await root.run(['cp', file, 'web:/srv/deep']);
  expect(existsSync(join(host, 'planted'))).toBe(false);
});

it('takes no set-id bit and no device from a guest to the host', async () => {
  await root.sh('web', 'mkdir /srv/evil; cp /bin/busybox /srv/evil/su; chmod 4755 /srv/evil/su');
  await root.run(['cp', '-r', 'web:/srv/evil', join(dir, 'evil')]);
  expect(statSync(join(dir, 'evil/su')).mode & 0o6000).toBe(0);
});

it('says what is not there, and which container does not run', async () => {
  expect((await root.run(['cp', 'web:/nope', dir])).stderr).toContain('there is no such file');
  expect((await root.run(['cp', join(dir, 'nope'), 'web:/'])).exitCode).toBe(1);
  expect((await root.run(['cp', 'gone:/x', dir])).exitCode).toBe(3);
});

it('brings files out of a snapshot, wherever the container is', async () => {
  await root.ok(['create', 'old', '--template', 'busybox', '--start']);
  await root.sh(
    'old',
    `mkdir -p /srv/d; echo then >/srv/d/x; ln -s d /srv/link; chmod 4755 /srv/d/x; ln -s ${dir} /srv/out`,
  );
  await root.ok(['snapshot', 'create', 'old', 's']);
  await root.sh('old', 'echo now >/srv/d/x; rm /srv/link');
  await root.ok(['stop', 'old']);
  const to = join(dir, 'then');
  // A link on the way is followed, inside.
  await root.ok(['cp', 'old@s:/srv/link/x', to]);
  expect(readFileSync(to, 'utf8')).toBe('then\n');
  expect(statSync(to).mode & 0o7777).toBe(0o755);
  expect((await root.run(['cp', 'old@s:/srv/d', dir])).stderr).toContain('tsct cp -r');
  await root.ok(['cp', '-r', 'old@s:/srv/d', `${dir}/`]);
  expect(readFileSync(join(dir, 'd/x'), 'utf8')).toBe('then\n');
  expect((await root.run(['cp', 'old@s:/srv/nope', dir])).stderr).toContain('there is no such file');
  expect((await root.run(['cp', 'old@nope:/srv/x', dir])).exitCode).toBe(3);
  expect((await root.run(['cp', to, 'old@s:/srv/x'])).exitCode).toBe(2);
  // Out of it none leads.
  writeFileSync(join(dir, 'secret'), 'of the host');
  expect((await root.run(['cp', 'old@s:/srv/out/secret', `${dir}/stolen`])).exitCode).not.toBe(0);
  expect(existsSync(join(dir, 'stolen'))).toBe(false);
});
