import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHECKOUT, tsctOk } from '../support/tsct.js';

// The units of contrib/ as a user installs them: with the default state root, which is the machine's own here.
const systemctl = (...args: readonly string[]) => execa('systemctl', [...args]);
const state = async (name: string) =>
  (await tsctOk(['info', name, '--json'])).json<{ state: string }>().state;

beforeAll(async () => {
  for (const unit of readdirSync(join(CHECKOUT, 'contrib/systemd'))) {
    cpSync(join(CHECKOUT, 'contrib/systemd', unit), join('/etc/systemd/system', unit));
  }
  await systemctl('daemon-reload');
  await tsctOk(['create', 'boots', '--template', 'busybox', '--set', 'Start.Autostart=yes']);
  await tsctOk(['create', 'alone', '--template', 'busybox']);
});

afterAll(async () => {
  await tsctOk(['destroy', '--force', 'boots', 'alone']);
});

test('tsct.service starts what is to start by itself, and stops everything', async () => {
  await systemctl('start', 'tsct.service');
  expect([await state('boots'), await state('alone')]).toEqual(['running', 'stopped']);
  await systemctl('stop', 'tsct.service');
  expect(await state('boots')).toBe('stopped');
});

test('tsct@NAME.service starts and stops one', async () => {
  await systemctl('start', 'tsct@alone.service');
  expect([await state('boots'), await state('alone')]).toEqual(['stopped', 'running']);
  await systemctl('stop', 'tsct@alone.service');
  expect(await state('alone')).toBe('stopped');
});

test('tsct-snapshots.timer starts its service, which takes what is due', async () => {
  await tsctOk(['config', 'set', 'alone', 'Snapshots.Schedule=nightly daily', 'Snapshots.Stopped=yes']);
  const snapshots = async () =>
    (await tsctOk(['snapshot', 'list', 'alone', '--json'])).json<{ by: string }[]>();
  await systemctl('start', 'tsct-snapshots.service');
  expect(await snapshots()).toMatchObject([{ by: 'schedule nightly' }]);
  await systemctl('enable', '--now', 'tsct-snapshots.timer');
  const { stdout } = await systemctl('show', 'tsct-snapshots.timer', '-p', 'ActiveState', '-p', 'Unit');
  expect(stdout).toMatch(
    /Unit=tsct-snapshots.service\nActiveState=active|ActiveState=active\nUnit=tsct-snapshots.service/,
  );
  await systemctl('start', 'tsct-snapshots.service');
  expect(await snapshots()).toHaveLength(1);
  await systemctl('disable', '--now', 'tsct-snapshots.timer');
});

test('tsct-backup.timer starts its service, which backs up every container', async () => {
  const repository = mkdtempSync('/var/tmp/tsct-backup-');
  await systemctl('enable', '--now', 'tsct-backup.timer');
  const { stdout } = await systemctl('show', 'tsct-backup.timer', '-p', 'ActiveState', '--value');
  expect(stdout).toBe('active');
  mkdirSync('/run/systemd/system/tsct-backup.service.d');
  writeFileSync(
    '/run/systemd/system/tsct-backup.service.d/repository.conf',
    `[Service]\nEnvironment=REPOSITORY=${repository}\n`,
  );
  await systemctl('daemon-reload');
  await systemctl('start', 'tsct-backup.service');
  const { json } = await tsctOk(['backup', 'list', '--repo', repository, '--json']);
  expect(
    json<{ name: string }[]>()
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['alone', 'boots']);
  await systemctl('disable', '--now', 'tsct-backup.timer');
  rmSync(repository, { recursive: true });
});
