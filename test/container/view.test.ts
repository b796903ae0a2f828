import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect } from 'vitest';
import { programPath } from '../../src/supervisor/programs.js';
import { noRoot, testNeeding } from '../support/requires.js';

const it = testNeeding(noRoot());
let dir: string;
let at: string;

beforeAll(() => {
  dir = mkdtempSync('/var/tmp/tsct-view-');
  at = join(dir, 'made/view');
  for (const name of ['low/etc', 'low/gone-dir', 'mid/etc', 'top/etc'])
    mkdirSync(join(dir, name), { recursive: true });
  writeFileSync(join(dir, 'low/etc/a'), 'low');
  writeFileSync(join(dir, 'low/etc/b'), 'low');
  writeFileSync(join(dir, 'low/gone'), 'low');
  writeFileSync(join(dir, 'low/gone-dir/x'), 'low');
  writeFileSync(join(dir, 'mid/etc/a'), 'mid');
  writeFileSync(join(dir, 'top/etc/c'), 'top');
  // What an overlay with userxattr leaves: a whiteout, and a directory that hides the one below.
  execFileSync('mknod', [join(dir, 'mid/gone'), 'c', '0', '0']);
  mkdirSync(join(dir, 'top/gone-dir'));
  execFileSync('setfattr', ['-n', 'user.overlay.opaque', '-v', 'y', join(dir, 'top/gone-dir')]);
  execFileSync('cp', ['/bin/busybox', join(dir, 'low/suid')]);
  chmodSync(join(dir, 'low/suid'), 0o4755);
  execFileSync('mknod', [join(dir, 'low/null'), 'c', '1', '3']);
});
afterAll(() => rmSync(dir, { recursive: true }));

function view(trees: readonly string[], ...command: string[]) {
  const args = ['--at', at, ...trees.flatMap((tree) => ['--tree', join(dir, tree)]), '--', ...command];
  return execa(programPath('tsct-view'), args, { reject: false });
}

it('shows several trees as one, whiteouts and opaque directories taken into account', async () => {
  const script = `cd ${at}; cat etc/a etc/b etc/c; ls -d *; ls gone-dir`;
  expect((await view(['low', 'mid', 'top'], 'sh', '-c', script)).stdout).toBe(
    'midlowtopetc\ngone-dir\nnull\nsuid',
  );
});

it('shows one tree alone, and nothing of it to the host, then or later', async () => {
  const before = readFileSync('/proc/self/mountinfo', 'utf8');
  const child = execa(programPath('tsct-view'), [
    '--at',
    at,
    '--tree',
    join(dir, 'low'),
    '--',
    'sh',
    '-c',
    `cat ${at}/etc/a; echo; read x`,
  ]);
  const first = await new Promise<string>((done) =>
    child.stdout?.once('data', (chunk) => done(String(chunk))),
  );
  expect(first).toContain('low');
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(before);
  expect(existsSync(join(at, 'etc'))).toBe(false);
  expect(statSync(at).mode & 0o777).toBe(0o700);
  child.stdin?.end('\n');
  await child;
});

for (const trees of [['low'], ['low', 'mid']]) {
  it(`makes what is in ${trees} read-only, its devices and programs dead`, async () => {
    const script = `touch ${at}/x 2>&1; cat ${at}/null 2>&1; ${at}/suid true 2>&1; grep ' ${at} ' /proc/self/mountinfo`;
    const { stdout } = await view(trees, 'sh', '-c', script);
    const [touch, device, program, mount] = stdout.split('\n');
    expect(touch).toContain('Read-only file system');
    expect(device).toContain('Permission denied');
    expect(program).toContain('Permission denied');
    expect(mount).toContain('ro,nosuid,nodev,noexec');
    expect(existsSync(join(dir, 'low/x'))).toBe(false);
  });
}

it('takes a hundred trees, as many snapshots of one container leave', async () => {
  const names = Array.from({ length: 100 }, (_, i) => `many/${i}`);
  for (const name of names) {
    mkdirSync(join(dir, name), { recursive: true });
    writeFileSync(join(dir, name, `file-${name.slice(5)}`), '');
  }
  expect((await view(names, 'sh', '-c', `ls ${at} | wc -l`)).stdout).toBe('100');
});

it('follows no link in the place of a tree, and says what it cannot do in fields', async () => {
  symlinkSync('/etc', join(dir, 'link'));
  for (const name of ['link', 'nothing']) {
    const { exitCode, stderr } = await view([name], 'true');
    expect(exitCode).toBe(125);
    expect(JSON.parse(stderr)).toMatchObject({ stage: 'view', step: 'open tree', target: join(dir, name) });
  }
  const missing = await view(['low'], '/no/such/program');
  expect(JSON.parse(missing.stderr)).toMatchObject({ step: 'run command', errno: 2 });
  expect((await view([], 'true')).exitCode).toBe(2);
});

it('passes the command its exit code and dies with its caller', async () => {
  expect((await view(['low'], 'sh', '-c', 'exit 7')).exitCode).toBe(7);
  const words = [programPath('tsct-view'), '--at', at, '--tree', join(dir, 'low'), '--', 'sleep', '1000'];
  const shell = execa('sh', ['-c', `${words.join(' ')} & echo $!; wait`], { reject: false });
  const pid = await new Promise<string>((done) =>
    shell.stdout?.once('data', (chunk) => done(String(chunk).trim())),
  );
  await new Promise((done) => setTimeout(done, 200));
  expect(stateOf(pid)).toBe('S');
  shell.kill('SIGKILL');
  await shell;
  await new Promise((done) => setTimeout(done, 100));
  expect(stateOf(pid)).toMatch(/^[ZX]?$/);
});

/** proc(5): empty when it is gone; a zombie is its parent's to reap. */
function stateOf(pid: string): string {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}
