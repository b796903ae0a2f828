import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { useRoot } from '../support/temp-root.js';

const root = useRoot();

/** Outside of every root file system: what must stay as it is. */
let canary: string;
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(root.path, '.hostile-'));
  canary = join(home, 'canary');
  for (const name of [...LINKED, 'tmp', 'etc']) {
    await mkdir(join(canary, name), { recursive: true });
    await writeFile(join(canary, name, 'hostname'), 'untouched\n');
  }
  await writeFile(join(canary, 'init'), '#!/bin/sh\n: >/canary-ran\n', { mode: 0o755 });
});

/** Directories that tsct mounts upon and looks for by name later. */
const LINKED = ['proc', 'sys', 'dev', 'run'];

const SLEEPING = ['--set', 'Exec.Init=/bin/busybox', '--set', 'Exec.Parameters=sleep 1000'];

const listing = async () => (await execa('find', [canary, '-printf', '%P %m %U %T@ %l\n'])).stdout;

/** A tree of busybox and these links. What they name exists inside as well, so that following them gets somewhere. */
async function treeOf(links: Readonly<Record<string, string>>, inside: readonly string[]): Promise<string> {
  const tree = await mkdtemp(join(home, 'tree-'));
  for (const directory of ['bin', 'sbin', ...inside]) await mkdir(join(tree, directory), { recursive: true });
  await execa('cp', ['/bin/busybox', join(tree, 'bin/busybox')]);
  for (const [path, target] of Object.entries(links)) await symlink(target, join(tree, path));
  return tree;
}

const relative = (path: string) => `${'../'.repeat(12)}${path.slice(1)}`;
const inside = () => [...LINKED, 'tmp', 'etc'].map((name) => `${canary}/${name}`);

const create = (tree: string, driver: string, ...more: string[]) =>
  root.ok(['create', 'evil', '--rootfs', tree, '--set', `Storage.Driver=${driver}`, ...more]);

const WAYS: readonly [string, string, (path: string) => string][] = [
  ['absolute', 'overlay', (path) => path],
  ['relative', 'dir', relative],
];

test.each(WAYS)(
  '%s links for /proc, /sys, /dev, /run (%s): the start is refused, the host untouched',
  async (...way) => {
    const [, driver, lead] = way;
    const before = await listing();
    const links = Object.fromEntries(LINKED.map((name) => [name, lead(join(canary, name))]));
    await create(await treeOf({ ...links, 'sbin/init': join(canary, 'init') }, inside()), driver);
    const started = await root.run(['start', 'evil']);
    expect(started.exitCode).toBe(1);
    expect(started.stderr).toMatch(/\/proc: is a symbolic link/);
    expect(await listing()).toBe(before);
  },
);

test('links for /tmp, /etc and init stay inside, and it works', async () => {
  const before = await listing();
  const links = {
    tmp: join(canary, 'tmp'),
    etc: relative(join(canary, 'etc')),
    'sbin/init': join(canary, 'init'),
  };
  await create(await treeOf(links, inside()), 'dir', ...SLEEPING, '--set', 'Exec.Hostname=evil');
  await root.ok(['start', 'evil']);
  const { pid } = (await root.ok(['info', 'evil', '--json'])).json<{ pid: number }>();
  expect(await readFile(`/proc/${pid}/root${canary}/etc/hostname`, 'utf8')).toBe('evil\n');
  expect(await readFile(`/proc/${pid}/mountinfo`, 'utf8')).toContain(` ${canary}/tmp rw,nosuid,nodev`);
  expect(await listing()).toBe(before);
});

test('a /proc that would be elsewhere once /dev is mounted cannot slip away from its masks', async () => {
  const links = { proc: '/dev/pts/../kept', dev: '/devices', 'devices/pts': '/q/r' };
  const tree = await treeOf(links, ['devices', 'q/r', 'q/kept', 'sys', 'run', 'tmp', 'etc']);
  await root.ok(['create', 'evil', '--rootfs', tree, ...SLEEPING]);
  const started = await root.run(['start', 'evil']);
  expect(started.exitCode).toBe(1);
  expect(started.stderr).toContain('symbolic link');
  await rm(tree, { recursive: true });
});
