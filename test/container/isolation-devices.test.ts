import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { guestProbe, pairs } from '../support/guest-probe.js';
import { useRoot } from '../support/temp-root.js';

const root = useRoot();

/** On a disk of the host's: 16 bytes that no guest may ever read. */
const SECRET = 'secret-of-a-disk';

let home: string;
/** /dev/loopN with the secret, and its major:minor. */
let disk: { readonly path: string; readonly major: string; readonly minor: string };

beforeAll(async () => {
  home = await mkdtemp(join(root.path, '.disk-'));
  await writeFile(join(home, 'image'), SECRET.padEnd(1 << 20, '.'));
  const path = (await execa('losetup', ['--find', '--show', join(home, 'image')])).stdout;
  const [major = '', minor = ''] = (await execa('lsblk', ['-dno', 'MAJ:MIN', path])).stdout.trim().split(':');
  disk = { path, major, minor };
  const tree = join(home, 'tree');
  await execa('sh', ['-ec', MAKE_TREE, 'sh', tree, await guestProbe(), major, minor]);
  for (const driver of ['overlay', 'dir']) {
    await root.ok([
      ...['create', driver, '--rootfs', tree, '--set', `Storage.Driver=${driver}`],
      ...['--set', 'Exec.Init=/bin/busybox', '--set', 'Exec.Parameters=sleep 1000'],
    ]);
  }
  // The importer leaves nodes out; a root file system that came another way has them.
  const { stdout: found } = await execa('find', [join(root.path, '.store/layers'), '-name', 'probe']);
  const probes = found.split('\n');
  expect(probes, 'in the shared layer, and in the tree of its own').toHaveLength(2);
  for (const at of probes) {
    const nodes = [`disk b ${major} ${minor}`, 'mem c 1 1', 'kmsg-node c 1 11', 'null c 1 3'];
    for (const node of nodes) {
      const [name = '', ...numbers] = node.split(' ');
      await execa('sh', [
        '-ec',
        'rm -f "$1"; mknod -m 666 "$@"',
        'sh',
        at.replace(/probe$/, name),
        ...numbers,
      ]);
    }
  }
  await root.ok(['start', 'overlay', 'dir']);
});

afterAll(async () => {
  if (disk) await execa('losetup', ['--detach', disk.path]);
  if (home) await rm(home, { recursive: true, force: true });
});

/** $1 the tree, $2 the probe, $3 and $4 numbers of a block device. */
const MAKE_TREE = `
mkdir -p "$1/bin" "$1/etc" "$1/mnt"
cp /bin/busybox "$1/bin/busybox"
for name in sh ls stat cat mount mkdir sleep; do ln -s busybox "$1/bin/$name"; done
cp "$2" "$1/probe"
mknod -m 666 "$1/disk" b "$3" "$4"
mknod -m 666 "$1/mem" c 1 1
`;

async function pidOf(name: string): Promise<number> {
  return (await root.ok(['info', name, '--json'])).json<{ pid: number }>().pid;
}

describe.each(['overlay', 'dir'])('nodes in the root file system (%s)', (driver) => {
  test('of a host disk, of memory and even of /dev/null cannot be opened', async () => {
    const script = '/probe open /disk /mem /kmsg-node /null; stat -c "%F %t:%T" /disk';
    const lines = (await root.sh(driver, script)).split('\n');
    const type = `block special file ${Number(disk.major).toString(16)}:${Number(disk.minor).toString(16)}`;
    expect(lines).toEqual(['/disk EACCES', '/mem EACCES', '/kmsg-node EACCES', '/null EACCES', type]);
  });

  test('not through a bind, a new overlay over them or a copy either', async () => {
    const script = `
      mkdir /mnt/a /mnt/b /tmp/up /tmp/up/u /tmp/up/w
      mount --bind / /mnt/a; mount -o remount,bind,dev /mnt/a 2>&1
      mount -t overlay -o lowerdir=/,upperdir=/tmp/up/u,workdir=/tmp/up/w none /mnt/b 2>&1
      /probe open /mnt/a/disk /mnt/b/disk
      /bin/busybox cp -a /disk /dev/disk 2>&1
      /bin/busybox mv /disk /dev/disk2 2>&1
      /probe open /dev/disk /dev/disk2`;
    const said = await root.sh(driver, script);
    expect(said).not.toContain(SECRET);
    for (const name of ['/mnt/a/disk', '/mnt/b/disk', '/dev/disk', '/dev/disk2'])
      expect(said).toMatch(new RegExp(`^${name} (EACCES|ENOENT|EPERM|EINVAL)$`, 'm'));
  });

  test('no node can be made, anywhere', async () => {
    const made = pairs(await root.sh(driver, '/probe mknod / /dev /dev/shm /tmp /run'));
    expect(Object.keys(made)).toHaveLength(5);
    for (const [where, result] of Object.entries(made)) expect(result, where).toMatch(/EPERM$/);
  });
});

describe('/dev', () => {
  test('holds these names and no others', async () => {
    const script = 'cd /dev && /bin/busybox find . -path ./pts -prune -o -print | /bin/busybox sort';
    const names = (await root.sh('overlay', script)).split('\n');
    const optional = (await execa('sh', ['-c', 'ls -d /dev/fuse /dev/net/tun 2>/dev/null || true'])).stdout;
    const chars = ['10:200', '10:229', '1:3', '1:5', '1:7', '1:8', '1:9', '5:0'];
    const [fuse, tun] = [optional.includes('fuse'), optional.includes('tun')];
    expect(names).toEqual(
      [
        ...[
          '.',
          './char',
          './console',
          './core',
          './fd',
          './full',
          './mqueue',
          './null',
          './ptmx',
          './random',
        ],
        ...['./shm', './stderr', './stdin', './stdout', './tty', './urandom', './zero'],
        ...(fuse ? ['./fuse'] : []),
        ...(tun ? ['./net', './net/tun'] : []),
        ...chars
          .filter((number) => (number === '10:200' ? tun : number === '10:229' ? fuse : true))
          .map((number) => `./char/${number}`),
      ].sort(),
    );
  });

  test('each node opens, belongs to root, and is what its name says', async () => {
    const lines = await root.sh(
      'overlay',
      "cd /dev && stat -c '%n %t:%T %a %u:%g' null zero full random urandom tty ptmx",
    );
    expect(lines.split('\n')).toEqual([
      'null 1:3 666 0:0',
      'zero 1:5 666 0:0',
      'full 1:7 666 0:0',
      'random 1:8 666 0:0',
      'urandom 1:9 666 0:0',
      'tty 5:0 666 0:0',
      expect.stringMatching(/^ptmx /), // a link to pts/ptmx
    ]);
    const opened = pairs(
      await root.sh(
        'overlay',
        '/probe open /dev/null /dev/zero /dev/full /dev/urandom /dev/pts/ptmx /dev/console',
      ),
    );
    for (const [name, result] of Object.entries(opened)) expect(result, name).not.toMatch(/^E(?!AGAIN)/);
  });

  test('/dev/console is a terminal of its own devpts, with the group tty', async () => {
    const script =
      'stat -c "%F %t:%T %a %u:%g" /dev/pts/0; /bin/busybox readlink /dev/console; /bin/busybox test -t 0 </dev/console && echo tty';
    expect((await root.sh('overlay', script)).split('\n')).toEqual([
      expect.stringMatching(/^character special file 88:0 620 0:(5|0)$/),
      'pts/0',
      'tty',
    ]);
  });
});

describe('the device policy', () => {
  test('lists what /dev has, and no more', async () => {
    const line = (await readFile(`/proc/${await pidOf('dir')}/cgroup`, 'utf8'))
      .split('\n')
      .find((one) => one.includes(':devices:'));
    if (!line) return; // cgroup v2: a program, whose effect the next test sees
    const rules = (await readFile(`/sys/fs/cgroup/devices${line.split(':')[2]}/devices.list`, 'utf8'))
      .trim()
      .split('\n');
    expect(
      rules.filter((rule) => !/^c (1:[35789]|5:[02]|10:(200|229)|1(3[6-9]|4[0-3]):\*) rwm?$/.test(rule)),
    ).toEqual([]);
    expect(rules.length).toBeGreaterThan(10);
  });

  test('refuses a node that is there and that nodev would let through', async () => {
    // The host's root puts them on the container's /dev, where nodes work.
    const dev = `/proc/${await pidOf('dir')}/root/dev`;
    const made: [string, string, string, string][] = [
      ['disk3', 'b', disk.major, disk.minor],
      ['kmsg', 'c', '1', '11'],
      ['tty0', 'c', '4', '0'],
      ['mem', 'c', '1', '1'],
      ['second-null', 'c', '1', '3'],
    ];
    for (const [name, ...node] of made) {
      await execa('mknod', ['-m', '666', `${dev}/${name}`, ...node]);
    }
    const paths = made.map(([name]) => `/dev/${name}`);
    const opened = pairs(await root.sh('dir', `/probe open ${paths.join(' ')}`));
    for (const path of paths.slice(0, 4)) expect(opened[path], path).toBe('EPERM');
    expect(opened['/dev/second-null']).toBe('OK');
    await rm(`${dev}/second-null`);
  });
});

test('a node of the host that is bound in works no more than one in a layer', async () => {
  await root.ok([
    ...[
      'create',
      'bound',
      '--template',
      'busybox',
      '--set',
      `Files.Bind=${disk.path}:/mnt/disk:noidmap`,
      '--start',
    ],
  ]);
  const before = (await execa('stat', ['-c', '%u:%g %a', disk.path])).stdout;
  const said = await root.sh('bound', 'head -c 16 /mnt/disk 2>&1; ls /mnt; true');
  expect(said).toMatch(/Permission denied\ndisk$/);
  expect((await execa('stat', ['-c', '%u:%g %a', disk.path])).stdout).toBe(before);
});
