import { existsSync } from 'node:fs';
import { lstat, readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { guestProbe, pairs } from '../support/guest-probe.js';
import { useRoot } from '../support/temp-root.js';

const root = useRoot();

let pid: number;
/** mountinfo(5) of the container. */
let table: readonly Mount[];

interface Mount {
  readonly rootPath: string;
  readonly point: string;
  readonly options: readonly string[];
  readonly type: string;
  readonly superOptions: string;
}

beforeAll(async () => {
  await root.ok(['create', 'box', '--template', 'busybox', '--start']);
  await root.ok(['cp', await guestProbe(), 'box:/probe']);
  pid = (await root.ok(['info', 'box', '--json'])).json<{ pid: number }>().pid;
  table = await mountTable(pid);
});

async function mountTable(of: number): Promise<Mount[]> {
  const text = await readFile(`/proc/${of}/mountinfo`, 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [left = '', right = ''] = line.split(' - ');
      const [, , , rootPath = '', point = '', options = ''] = left.split(' ');
      const [type = '', , superOptions = ''] = right.split(' ');
      return { rootPath, point, options: options.split(','), type, superOptions };
    });
}

/** Fields `WAY=ERRNO` of the probe's line for each path. */
async function attempts(verb: 'mounts' | 'nested', paths: readonly string[]) {
  const text = await root.sh('box', `/probe ${verb} ${paths.join(' ')}`);
  return Object.entries(pairs(text)).map(([path, ways]) => ({
    path,
    ways: Object.fromEntries(ways.split(' ').map((way) => way.split('=') as [string, string])),
  }));
}

const points = () => table.map((mount) => mount.point);

/** lxcfs', where the host has it. */
const VIEW = existsSync('/usr/bin/lxcfs')
  ? [
      ...['cpuinfo', 'loadavg', 'meminfo', 'stat', 'swaps', 'uptime'].map((name) => `/proc/${name}`),
      '/sys/devices/system/cpu/online',
    ]
  : [];

describe('what there is', () => {
  test('these mounts and no others', async () => {
    const optional = async (paths: readonly string[]) => {
      const there = await Promise.all(
        paths.map((path) =>
          lstat(path)
            .then(() => [path])
            .catch(() => []),
        ),
      );
      return there.flat();
    };
    const masked = ['kallsyms', 'kcore', 'keys', 'sysrq-trigger', 'timer_list', 'kmsg'];
    const sealed = ['acpi', 'apm', 'asound', 'bus', 'fs', 'irq', 'scsi'];
    const sys = ['block', 'bus', 'class', 'dev', 'devices', 'kernel'];
    expect(points().sort()).toEqual(
      [
        ...['/', '/proc', '/proc/sys', '/proc/sys/net', '/proc/sys/kernel/random/boot_id'],
        ...(await optional([...masked, ...sealed].map((name) => `/proc/${name}`))),
        ...VIEW,
        ...['/sys', ...(await optional(sys.map((name) => `/sys/${name}`))), '/sys/fs/cgroup'],
        ...['/dev', '/dev/pts', '/dev/shm', '/dev/mqueue', '/run', '/run/host', '/tmp'],
      ].sort(),
    );
  });

  test('nodev on all but /dev and its devpts', () => {
    const open = table.filter((mount) => !mount.options.includes('nodev'));
    expect(open.map((mount) => mount.point).sort()).toEqual(['/dev', '/dev/pts']);
  });

  test('read-only is what shows or steers the host’s kernel, and what the manager tells', () => {
    const writable = table.filter((mount) => !mount.options.includes('ro')).map((mount) => mount.point);
    expect(writable.sort()).toEqual(
      [
        ...['/', '/proc', '/proc/sys/net', '/proc/kmsg', '/sys/fs/cgroup'],
        ...['/dev', '/dev/pts', '/dev/shm', '/dev/mqueue', '/run', '/tmp'],
      ].sort(),
    );
  });

  test('nosuid on all but /, noexec on what holds no programs', () => {
    const without = (flag: string) =>
      table.filter((mount) => !mount.options.includes(flag)).map((mount) => mount.point);
    expect(without('nosuid')).toEqual(['/']);
    expect(without('noexec').sort()).toEqual(['/', '/dev', '/dev/shm', '/run', '/tmp']);
  });

  test('names no path of the host', () => {
    const text = table.map((mount) => `${mount.rootPath} ${mount.superOptions}`).join('\n');
    expect(text).not.toContain(root.path);
    // The overlay shows names in a directory that was private to the start.
    const overlay = table.find((mount) => mount.point === '/')?.superOptions.split(',') ?? [];
    const named = overlay.filter((option) => /^(lower|upper|work)dir=/.test(option));
    expect(named).toEqual(['lowerdir=l0', 'upperdir=up/tree', 'workdir=up/work']);
  });

  test('/dev/shm, /run and /tmp are bounded', () => {
    for (const point of ['/dev', '/dev/shm', '/run', '/run/host', '/sys', '/tmp'])
      expect(table.find((mount) => mount.point === point)?.superOptions, point).toMatch(/size=\d+k/);
  });
});

describe('guest root cannot', () => {
  test.each(['mounts', 'nested'] as const)('undo, open up or move any of them (%s)', async (verb) => {
    for (const { path, ways } of await attempts(verb, points())) {
      const mount = table.find(({ point }) => point === path);
      const sealed = mount?.options.includes('ro') ? ['remount', 'writable'] : [];
      const nodev = mount?.options.includes('nodev') ? ['remount', 'devices'] : [];
      const gone = path === '/' ? [] : ['umount', 'detach', 'move'];
      for (const way of new Set([...gone, ...sealed, ...nodev]))
        expect(ways[way], `${way} ${path}`).toMatch(/^(EPERM|EINVAL|EBUSY)$/);
    }
  });

  test('get a fresh proc, sysfs or device file system, or look below a mask', async () => {
    const ways = (await root.sh('box', '/probe masks'))
      .trim()
      .split(' ')
      .map((way) => way.split('=') as [string, string]);
    const expected: Record<string, RegExp> = { 'tree-proc': /EINVAL/, 'bind-proc': /EINVAL/ };
    expect(ways.length).toBeGreaterThan(15);
    for (const [way, result] of ways)
      expect(result, way).toMatch(expected[way] ?? /^(EPERM|EINVAL|EACCES|ENODEV|EBUSY|ENOENT)$/);
  });

  test('write the host’s switches', async () => {
    const paths = [
      'sys/kernel/core_pattern',
      'sys/kernel/panic',
      'sys/vm/drop_caches',
      'sysrq-trigger',
      'irq/default_smp_affinity',
    ];
    const script = paths
      .map((path) => `(echo 1 >/proc/${path}) 2>/dev/null && echo wrote ${path}`)
      .join('; ');
    expect(await root.sh('box', `${script}; true`)).toBe('');
  });

  test('write to /sys or /run/host, though both hold tmpfs directories of its own id', async () => {
    const script =
      'for d in /sys /sys/fs /sys/kernel /run/host /run/host/inaccessible; do mkdir $d/x 2>&1; done';
    const lines = (await root.sh('box', `${script}; true`)).split('\n');
    expect(lines).toHaveLength(5);
    for (const line of lines) expect(line).toMatch(/Read-only file system|Permission denied/);
  });

  test('read what is masked', async () => {
    const masked = table.filter((mount) => mount.rootPath.startsWith('/inaccessible/'));
    expect(masked.length).toBeGreaterThan(1);
    const paths = masked.map(({ point }) => point);
    const script = paths.map((path) => `stat -c '%n %a %s' ${path}; cat ${path}`).join('; ');
    expect(masked.map(({ rootPath }) => rootPath)).toEqual(paths.map(() => '/inaccessible/reg'));
    expect((await root.sh('box', script)).split('\n')).toEqual(paths.map((path) => `${path} 0 0`));
  });
});

test('network sysctls are writable, as the network is its own', async () => {
  expect(
    await root.sh('box', 'echo 1 >/proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward'),
  ).toBe('1');
});

test('/sys shows devices only, and none of what its kernel could be steered by', async () => {
  const [top, kernel] = (await root.sh('box', 'echo $(ls /sys); ls /sys/fs | xargs')).split('\n');
  expect(top).toBe('block bus class dev devices fs kernel');
  expect(kernel).toBe('bpf cgroup');
});

test('/run/host holds what the manager tells, with these modes', async () => {
  const listing = await root.sh('box', "cd /run/host && find . | sort | xargs stat -c '%n %a %F %u:%g'");
  expect(listing.split('\n')).toEqual([
    '. 755 directory 0:0',
    './container-manager 444 regular file 0:0',
    './container-uuid 444 regular file 0:0',
    './inaccessible 755 directory 0:0',
    './inaccessible/blk 0 block special file 0:0',
    './inaccessible/chr 0 character special file 0:0',
    './inaccessible/dir 0 directory 0:0',
    './inaccessible/fifo 0 fifo 0:0',
    './inaccessible/reg 0 regular empty file 0:0',
    './inaccessible/sock 0 socket 0:0',
    './notify 700 socket 0:0',
    './os-release 444 regular file 0:0',
    './proc-kmsg 600 fifo 0:0',
    './proc-sys-kernel-random-boot-id 444 regular file 0:0',
  ]);
  expect(await root.sh('box', 'cat /run/host/container-manager')).toBe('tsct');
});
