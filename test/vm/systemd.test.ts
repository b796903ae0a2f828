import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { createGuest, info } from '../guest/boot.js';
import { useRoot } from '../support/temp-root.js';
import { CHECKOUT } from '../support/tsct.js';

// A host whose init is systemd and whose cgroups are v2 alone: what is done by D-Bus there, and how guests end with it.
const root = useRoot();
const systemctl = async (...args: readonly string[]) => (await execa('systemctl', [...args])).stdout.trim();
const unit = (name: string) => `tsct-${root.layout.key(name)}.service`;

beforeAll(async () => {
  await createGuest(root, 'deb', 'debian12');
  await root.ok(['create', 'small', '--template', 'busybox']);
});

test('a container is a transient service of tsct.slice, with delegation', async () => {
  await root.ok(['start', 'small', '--wait']);
  const shown = await systemctl('show', '-p', 'ActiveState,Slice,Delegate,KillMode,Transient', unit('small'));
  expect(Object.fromEntries(shown.split('\n').map((line) => line.split('=')))).toEqual({
    ActiveState: 'active',
    Slice: 'tsct.slice',
    Delegate: 'yes',
    KillMode: 'mixed',
    Transient: 'yes',
  });
  await root.ok(['stop', 'small']);
  expect(await systemctl('show', '-p', 'ActiveState', '--value', unit('small'))).not.toBe('active');
});

test('exec into a booted systemd guest that has all controllers enters a leaf of its own', async () => {
  await root.ok(['start', 'deb', '--wait']);
  const { pid } = await info(root, 'deb');
  const payload = readFileSync(`/proc/${pid}/root/sys/fs/cgroup/cgroup.subtree_control`, 'utf8').trim();
  expect(payload, "the guest's systemd has switched controllers on").toContain('memory');
  expect(await root.sh('deb', 'cat /proc/self/cgroup')).toBe('0::/.tsct-exec');
  await root.ok(['stop', 'deb']);
});

test('stopping tsct.slice ends guests cleanly: their own log says so', async () => {
  await root.ok(['start', 'deb', '--wait']);
  await root.sh('deb', 'mkdir -p /var/log/journal && systemctl restart systemd-journald');
  await systemctl('stop', 'tsct.slice');
  expect((await info(root, 'deb')).state).toBe('stopped');

  await root.ok(['start', 'deb', '--wait']);
  expect(await root.sh('deb', 'journalctl -b -1 --no-pager')).toMatch(
    /Reached target.*[Pp]ower.?[Oo]ff|System is powering down/,
  );
  await root.ok(['stop', 'deb']);
});

test('where systemd is not to be seen, cgroup v2 is used directly', async () => {
  const hidden = (...args: readonly string[]) =>
    execa(
      'unshare',
      ['--mount', 'sh', '-c', 'mount -t tmpfs none /run/systemd && exec "$@"', 'sh', process.execPath].concat(
        join(CHECKOUT, 'bin/tsct.js'),
        args,
      ),
      { env: { TSCT_ROOT: root.path }, stdin: 'ignore' },
    );
  await hidden('start', 'small', '--wait');
  const { pid } = await info(root, 'small');
  const base = `/tsct/${root.layout.key('small')}`;
  expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim()).toBe(`0::${base}/payload`);
  expect(readFileSync(`/sys/fs/cgroup${base}/payload/cgroup.controllers`, 'utf8')).toContain('memory');
  expect(await root.sh('small', 'cat /proc/self/cgroup')).toBe('0::/.tsct-exec');
  await hidden('stop', 'small');
  expect(existsSync('/sys/fs/cgroup/tsct')).toBe(false);
});
