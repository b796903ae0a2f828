import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished } from 'vitest';
import { loopFilesystem } from '../support/loopfs.js';
import { noFilesystem, noRoot, testNeeding } from '../support/requires.js';
import { TestRoot, until, useRoot } from '../support/temp-root.js';

const root = useRoot();
const it = testNeeding(noRoot());
const layer = (name: string) => root.layout.runLayer(name);
const info = async (name: string) =>
  (await root.ok(['info', name, '--json'])).json<{
    boots: number;
    ephemeral: boolean;
    state: string;
    supervisorPid: number;
    pid: number;
  }>();
const left = async () => readdir(dirname(layer('x'))).catch(() => []);

beforeAll(async () => {
  for (const driver of ['overlay', 'dir']) {
    await root.ok([
      'create',
      driver,
      '--template',
      'busybox',
      '--set',
      `Storage.Driver=${driver}`,
      '--start',
    ]);
    await root.sh(driver, 'echo old >/root/file; chown 7:8 /root/file; mkdir /root/dir; touch /root/dir/a');
    await root.ok(['stop', driver]);
  }
});

describe('start --ephemeral', () => {
  for (const name of ['overlay', 'dir']) {
    it(`${name}: the root is there, may be changed in every way, and is as before at the next start`, async () => {
      await root.ok(['start', name, '--ephemeral']);
      expect((await info(name)).ephemeral).toBe(true);
      expect((await root.ok(['info', name])).stdout).toMatch(/Ephemeral: +yes/);
      const said = await root.sh(
        name,
        'cat /root/file; stat -c %u:%g /root/file; echo new >/root/file; rm -r /root/dir; mkdir /root/dir; ls -A /root/dir; dd if=/dev/zero of=/root/big bs=1M count=8 2>/dev/null; ls /root',
      );
      expect(said).toBe('old\n7:8\nbig\ndir\nfile');
      expect(existsSync(layer(name))).toBe(true);
      await root.ok(['stop', name]);
      expect(await left()).toEqual([]);
      await root.ok(['start', name]);
      expect((await info(name)).ephemeral).toBe(false);
      expect(await root.sh(name, 'cat /root/file; ls -A /root/dir; ls /root')).toBe('old\na\ndir\nfile');
      await root.ok(['stop', name]);
    });
  }

  it('gone when the guest powers off by itself, and when init crashes', async () => {
    for (const end of ['poweroff -f', 'kill -9 -1']) {
      await root.ok(['start', 'overlay', '--ephemeral']);
      await root.run(['exec', 'overlay', '-T', '--', 'sh', '-c', `touch /gone; ${end}`]);
      if (end !== 'poweroff -f') process.kill((await info('overlay')).pid, 'SIGKILL');
      await root.ok(['wait', 'overlay', '--for', 'stopped', '--timeout', '30']);
      await until('the layer is gone', async () => (await left()).length === 0);
    }
  });

  it('kill -9 of the supervisor: the next command removes it', async () => {
    await root.ok(['start', 'overlay', '--ephemeral']);
    await root.sh('overlay', 'touch /gone');
    const { supervisorPid, pid } = await info('overlay');
    process.kill(supervisorPid, 'SIGKILL');
    await until('init has died with it', () => !existsSync(`/proc/${pid}`));
    expect(await left()).toEqual(['overlay']);
    await root.ok(['list']);
    expect(await left()).toEqual([]);
  });

  it('a crash of the host: what it left is removed by list, and by the next start before it starts', async () => {
    for (const command of [['list'], ['start', 'overlay']]) {
      await mkdir(join(layer('overlay'), 'tree'), { recursive: true });
      await writeFile(join(layer('overlay'), 'tree/stale'), '');
      await root.ok(command);
      expect(await left()).toEqual([]);
    }
    await root.ok(['stop', 'overlay']);
  });

  it('list leaves alone what a running one writes', async () => {
    await root.ok(['start', 'overlay', '--ephemeral']);
    await root.sh('overlay', 'echo x >/root/mine');
    await root.ok(['list']);
    expect(await left()).toEqual(['overlay']);
    expect(await root.sh('overlay', 'cat /root/mine')).toBe('x');
    await root.ok(['stop', 'overlay']);
  });

  it('restart stays ephemeral and begins anew; so does a reboot', async () => {
    await root.ok(['start', 'overlay', '--ephemeral']);
    for (const how of [[], ['--reboot']]) {
      await root.sh('overlay', 'touch /root/mine');
      await root.ok(['restart', 'overlay', ...how]);
      if (how.length > 0) await until('it has rebooted', async () => (await info('overlay')).boots === 2);
      expect((await info('overlay')).ephemeral).toBe(true);
      expect(await root.sh('overlay', 'ls /root/mine 2>/dev/null || echo gone')).toBe('gone');
    }
    await root.ok(['stop', 'overlay']);
    expect(await left()).toEqual([]);
  });

  it('of one that runs and keeps what it writes: refused with exit 4; of an ephemeral one: running already', async () => {
    await root.ok(['start', 'overlay']);
    const refused = await root.run(['start', 'overlay', '--ephemeral']);
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toMatch(/it is running, and keeps what it writes/);
    await root.ok(['restart', 'overlay']);
    await root.ok(['stop', 'overlay']);
    await root.ok(['start', 'overlay', '--ephemeral']);
    expect((await root.ok(['start', 'overlay', '--ephemeral'])).stderr).toMatch(/running already/);
    await root.ok(['stop', 'overlay']);
  });

  it('destroy --force of a running one leaves nothing', async () => {
    await root.ok(['create', 'brief', '--template', 'busybox']);
    await root.ok(['start', 'brief', '--ephemeral']);
    await root.ok(['destroy', '--force', 'brief']);
    expect(await left()).toEqual([]);
  });
});

for (const [type, driver] of [
  ['btrfs', 'btrfs'],
  ['xfs', 'reflink'],
] as const) {
  testNeeding(noRoot(), noFilesystem(type))(
    `start --ephemeral on ${type} with driver ${driver}`,
    async () => {
      const disk = await loopFilesystem(type, 300 * 1024 * 1024);
      onTestFinished(() => disk.dispose());
      const own = await TestRoot.create(disk.path);
      onTestFinished(() => own.dispose());
      await own.ok(['create', 'box', '--template', 'busybox', '--set', `Storage.Driver=${driver}`]);
      await own.ok(['start', 'box', '--ephemeral']);
      await own.sh('box', 'rm /etc/hostname; touch /root/mine');
      // A snapshot is of the root that is kept, and an ephemeral run does not disturb it.
      await own.ok(['snapshot', 'create', 'box', 's']);
      await own.ok(['stop', 'box']);
      expect(readdirSync(dirname(own.layout.runLayer('x')))).toEqual([]);
      for (const back of [[], ['snapshot', 'restore', 'box@s']]) {
        if (back.length > 0) await own.ok(back);
        await own.ok(['start', 'box']);
        expect(await own.sh('box', 'cat /etc/hostname; ls /root/mine 2>/dev/null || echo gone')).toBe(
          'box\ngone',
        );
        await own.ok(['stop', 'box']);
      }
    },
  );
}
