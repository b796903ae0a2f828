import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { ChangeResult } from '../../src/lifecycle/change-config.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

// What each device gives is tried from inside. The same tests on hosts of control groups v1 and v2.
const it = testNeeding(noRoot());
const root = useRoot();

/** Disks of the host with a word each at their beginning, whose first letter is all that is ever written. */
const disks: { readonly path: string; readonly major: string; readonly minor: string }[] = [];
let home = '';

beforeAll(async () => {
  home = await mkdtemp(join(root.path, '.disks-'));
  for (const word of ['first', 'final']) {
    await writeFile(join(home, word), word.padEnd(1 << 20, '.'));
    const path = (await execa('losetup', ['--find', '--show', join(home, word)])).stdout;
    const numbers = (await execa('lsblk', ['-dno', 'MAJ:MIN', path])).stdout.trim().split(':');
    disks.push({ path, major: numbers[0] ?? '', minor: numbers[1] ?? '' });
  }
});
afterAll(async () => {
  for (const { path } of disks) await execa('losetup', ['--detach', path]);
  await rm(home, { recursive: true, force: true });
});

const disk = (index: number) => disks[index] ?? { path: '', major: '', minor: '' };

const NOT_PERMITTED = 'Operation not permitted';
/** What a guest reads and whether it can write, of some paths: `first,wrote`. */
const tried = async (name: string, ...paths: string[]) => {
  const one = (path: string) =>
    `r=$( (head -c 6 ${path} | tr -d '.\\000') 2>&1); w=$( (printf f >${path}) 2>&1 && echo wrote); echo "$r,$w"`;
  const said = await root.sh(name, paths.map(one).join('\n'));
  return said.replaceAll(/[^\n,]*: (Operation not permitted|No such file or directory)/g, '$1').split('\n');
};

/** A shell of the host's root under the filter of a container, which has no say in what its user namespace may do. */
async function underFilter(name: string, script: string): Promise<string> {
  const groups = readFileSync(`/proc/${(await root.info(name)).pid}/cgroup`, 'utf8');
  const v1 = /^\d+:devices:(.*)$/m.exec(groups)?.[1];
  const v2 = /^0::(.*)$/m.exec(groups)?.[1]?.replace(/\/payload.*/, '/payload/.tsct-exec');
  const group = v1 === undefined ? `/sys/fs/cgroup${v2}` : `/sys/fs/cgroup/devices${v1}`;
  const leave =
    v1 === undefined ? `echo $$ >/sys/fs/cgroup${v2}/../../supervisor/cgroup.procs; rmdir ${group}` : '';
  const whole = `[ -d ${group} ] || mkdir ${group}; echo $$ >${group}/cgroup.procs; ${script}; ${leave}`;
  return (await execa('sh', ['-c', whole], { all: true, reject: false })).all;
}

describe('Device=', () => {
  it('gives a node and the access that it names, and no other', async () => {
    await root.start(
      'box',
      `Resources.Device=${disk(0).path}:/dev/disks/first:r`,
      `Resources.Device=${disk(1).path}:/dev/second:w,uid=7,gid=8,mode=640`,
    );
    expect(await root.sh('box', 'stat -c "%F %t:%T %a %u:%g" /dev/disks/first /dev/second')).toBe(
      [
        `block special file ${Number(disk(0).major).toString(16)}:${Number(disk(0).minor).toString(16)} 600 0:0`,
        `block special file ${Number(disk(1).major).toString(16)}:${Number(disk(1).minor).toString(16)} 640 7:8`,
      ]
        .join('\n')
        .replaceAll('600', (await execa('stat', ['-c', '%a', disk(0).path])).stdout),
    );
    expect(await tried('box', '/dev/disks/first', '/dev/second')).toEqual([
      `first,${NOT_PERMITTED}`,
      `${NOT_PERMITTED},wrote`,
    ]);
    // Whatever root inside does with the node that it has.
    await root.sh(
      'box',
      `chmod 666 /dev/disks/first; cp -a /dev/disks/first /root/copy; mv /dev/disks/first /dev/moved
       mkdir /mnt/dev /mnt/own /mnt/groups; mount --rbind /dev /mnt/dev; mount -t tmpfs -o dev none /mnt/own
       cp -a /dev/moved /mnt/own/; mknod -m 666 /dev/again b ${disk(0).major} ${disk(0).minor}
       mount -t cgroup -o devices none /mnt/groups
       for file in $(find /mnt/groups /sys/fs/cgroup -name devices.allow); do echo a >$file; done; true`,
    );
    expect(await tried('box', '/dev/moved', '/mnt/dev/moved')).toEqual(
      Array(2).fill(`first,${NOT_PERMITTED}`),
    );
    expect(await root.sh('box', 'ls -d /dev/again /root/copy /mnt/own/moved 2>/dev/null; true')).toBe('');
    // m is nothing that a user namespace could have: seen by a root that may make nodes, under the same filter.
    const made = join(home, 'made');
    const make = (index: number) => `mknod ${made} b ${disk(index).major} ${disk(index).minor} && rm ${made}`;
    expect(await underFilter('box', make(0))).toContain(NOT_PERMITTED);
    await root.start('maker', `Resources.Device=${disk(0).path}:/dev/first:m`);
    expect(await underFilter('maker', make(0))).toBe('');
    expect(await underFilter('maker', make(1))).toContain(NOT_PERMITTED);
    expect(await tried('maker', '/dev/first')).toEqual([`${NOT_PERMITTED},${NOT_PERMITTED}`]);
    if (existsSync('/dev/fuse')) expect(await root.sh('maker', ': </dev/fuse && echo opened')).toBe('opened');
  });

  it('that is not there, or is none, ends the start with exit code 5 and nothing left', async () => {
    await root.ok(['create', 'box', '--template', 'busybox', '--set', 'Network.Private=yes']);
    const config = root.layout.configFile('box');
    const plain = readFileSync(config, 'utf8');
    for (const [setting, why] of [
      ['Device=/dev/no-such-disk', /find device \/dev\/no-such-disk: Resources.Device=: .*ENOENT/],
      ['Device=/etc/passwd:/dev/x', /find device \/etc\/passwd: .*it is no device/],
      ['DeviceAllow=char-nothing', /find device char-nothing: .*\/proc\/devices has no such name/],
    ] as const) {
      await writeFile(config, `${plain}[Resources]\n${setting}\n`);
      const { exitCode, stderr } = await root.run(['start', 'box']);
      expect(stderr).toMatch(why);
      expect(stderr).toContain('tsct config edit');
      expect(exitCode).toBe(5);
    }
  });
});

describe('DevicePolicy= and DeviceAllow=', () => {
  it('strict leaves what is named, closed the usual ones as well, without fuse and tun', async () => {
    await root.start(
      'strict',
      'Resources.DevicePolicy=strict',
      'Resources.DeviceAllow=/dev/zero r',
      'Resources.DeviceAllow=char-t?y* w',
    );
    const paths = ['/dev/zero', '/dev/null', '/dev/full'];
    expect(await tried('strict', ...paths)).toEqual([
      `,${NOT_PERMITTED}`,
      ...Array(2).fill(`${NOT_PERMITTED},${NOT_PERMITTED}`),
    ]);
    await root.start('closed', 'Resources.DevicePolicy=closed', 'Resources.DeviceAllow=block-lo?p r');
    expect(await tried('closed', '/dev/zero', '/dev/null')).toEqual([',wrote', ',wrote']);
    // Root of the host makes nodes of what is allowed by its driver, and of what is not.
    const dev = `/proc/${(await root.info('closed')).pid}/root/dev`;
    await execa('mknod', ['-m', '666', `${dev}/disk`, 'b', disk(0).major, disk(0).minor]);
    expect(await tried('closed', '/dev/disk')).toEqual([`first,${NOT_PERMITTED}`]);
    if (!existsSync('/dev/fuse')) return;
    expect(await root.sh('closed', 'ls /dev/fuse 2>/dev/null; true')).toBe('');
    await execa('mknod', ['-m', '666', `${dev}/fuse`, 'c', '10', '229']);
    expect(await root.sh('closed', '(: </dev/fuse) 2>&1; true')).toContain(NOT_PERMITTED);
  });
});

describe('a running container', () => {
  const set = (name: string, ...settings: string[]) => root.ok(['config', 'set', name, ...settings]);
  const ls = (name: string) => root.sh(name, 'find /dev -type b | sort | tr "\\n" " "');

  it('gets and loses devices at once, whatever is mounted over its /dev, and has them after a reboot', async () => {
    await root.start('box', `Resources.Device=${disk(0).path}:/dev/first:r`);
    const before = readFileSync(root.layout.configFile('box'), 'utf8');
    const added = await root.ok([
      'config',
      'set',
      'box',
      '--json',
      `Resources.Device=${disk(0).path}:/dev/first:rw`,
    ]);
    expect(added.json<ChangeResult>().keys).toEqual([{ key: 'Resources.Device', state: 'applied' }]);
    expect(await tried('box', '/dev/first')).toEqual(['first,wrote']);
    await root.sh(
      'box',
      'mkdir /dev/own; echo mine >/dev/mine; ln -s /etc /dev/link; mount -t tmpfs none /mnt; mount --bind /mnt /dev/own',
    );
    await set(
      'box',
      `Resources.Device=${disk(1).path}:/dev/own/second:r,mode=604`,
      'Resources.DeviceAllow=char-misc r',
    );
    expect(await root.sh('box', 'umount /dev/own; stat -c "%a %u" /dev/own/second')).toBe('604 0');
    expect(await tried('box', '/dev/own/second')).toEqual([`final,${NOT_PERMITTED}`]);
    expect(await ls('box')).toBe('/dev/own/second');
    expect((await root.info('box')).pending).toEqual([]);
    // Neither is its place taken, nor is a link out of it followed.
    for (const [path, why] of [
      ['/dev/mine', /make device \/dev\/mine: the container has made something of that name itself/],
      ['/dev/link/x', /make device|lead/],
    ] as const) {
      const { exitCode, stderr } = await root.run([
        'config',
        'set',
        'box',
        `Resources.Device=${disk(0).path}:${path}`,
      ]);
      expect(stderr).toMatch(why);
      expect(exitCode).not.toBe(0);
    }
    const gone = await root.run(['config', 'set', 'box', 'Resources.Device=/dev/no-such-disk']);
    expect(gone.exitCode, gone.stderr).toBe(5);
    expect(await ls('box')).toBe('/dev/own/second');
    expect(await tried('box', '/dev/own/second')).toEqual([`final,${NOT_PERMITTED}`]);
    expect(await root.sh('box', 'cat /dev/mine; find / -xdev -name x -type b')).toBe('mine');
    await root.run(['exec', 'box', '-T', '--', 'reboot']);
    await until('it is up again', async () => (await root.info('box')).boots === 2);
    expect(await tried('box', '/dev/own/second')).toEqual([`final,${NOT_PERMITTED}`]);
    await root.ok(['config', 'unset', 'box', 'Resources.Device', 'Resources.DeviceAllow']);
    expect(await ls('box')).toBe('');
    // The filter went with the node.
    const dev = `/proc/${(await root.info('box')).pid}/root/dev`;
    await execa('mknod', ['-m', '666', `${dev}/back`, 'b', disk(1).major, disk(1).minor]);
    expect(await tried('box', '/dev/back', '/dev/null')).toEqual([
      `${NOT_PERMITTED},${NOT_PERMITTED}`,
      ',wrote',
    ]);
    expect(readFileSync(root.layout.configFile('box'), 'utf8')).toBe(before.replace(/^.*Device=.*\n/m, ''));
  });

  it('has all of a change or nothing, also if it is killed', async () => {
    await root.start('box');
    const settings = [`Resources.Device=${disk(0).path}:/dev/first`, 'Resources.DevicePolicy=closed'];
    for (const point of ['change.kept', 'change.changed', 'change.committed']) {
      const killed = await root.run(['config', 'set', 'box', ...settings], { env: { TSCT_FAULT: point } });
      expect(killed.exitCode, point).toBe(137);
      await root.ok(['config', 'set', 'box', 'Exec.Hostname=next']);
      const isTrue = readFileSync(root.layout.configFile('box'), 'utf8').includes('first');
      expect(isTrue, point).toBe(point === 'change.committed');
      expect(await ls('box'), point).toBe(isTrue ? '/dev/first' : '');
    }
    expect(await tried('box', '/dev/first')).toEqual(['first,wrote']);
  });
});
