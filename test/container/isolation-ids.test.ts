import { readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { guestProbe } from '../support/guest-probe.js';
import { useRoot } from '../support/temp-root.js';

const root = useRoot();

interface Running {
  readonly pid: number;
  readonly supervisorPid: number;
  readonly idmap: { readonly base: number; readonly count: number };
  readonly root: { readonly path: string };
}

let box: Running;
let base: number;

beforeAll(async () => {
  await root.ok(['create', 'box', '--template', 'busybox', '--start']);
  box = (await root.ok(['info', 'box', '--json'])).json<Running>();
  base = box.idmap.base;
});

describe('ids', () => {
  test('65536 of them, the base a multiple of 65536, the same map for users and groups', async () => {
    expect(box.idmap.count).toBe(65_536);
    expect(base % 65_536).toBe(0);
    for (const file of ['uid_map', 'gid_map']) {
      const map = (await readFile(`/proc/${box.pid}/${file}`, 'utf8')).trim().split(/\s+/);
      expect(map).toEqual(['0', String(base), '65536']);
      expect((await root.sh('box', `cat /proc/self/${file}`)).trim().split(/\s+/)).toEqual(map);
    }
    expect(await root.sh('box', 'cat /proc/self/setgroups')).toBe('allow');
  });

  test('PID 1 is root inside and the base id outside, in no group of the host', async () => {
    const status = await readFile(`/proc/${box.pid}/status`, 'utf8');
    const ids = Array(4).fill(String(base)).join('\t');
    expect(status).toContain(`\nUid:\t${ids}\n`);
    expect(status).toContain(`\nGid:\t${ids}\n`);
    expect(status).toMatch(/\nGroups:\s*\n/);
  });

  test('on disk the ids are the container’s own, from 0, out of reach of the host’s users', async () => {
    await root.sh('box', 'echo x >/root-file; mkdir /d; echo x >/d/f; chown 1000:65535 /d/f; chmod u+s /d/f');
    const upper = box.root.path;
    expect(await stat(join(upper, 'root-file'))).toMatchObject({ uid: 0, gid: 0 });
    expect(await stat(join(upper, 'd/f'))).toMatchObject({ uid: 1000, gid: 65_535 });
    expect((await stat(join(root.path, 'box'))).mode & 0o777).toBe(0o700);
  });

  test('ids outside of the range cannot be had; the host’s root is nobody', async () => {
    const script = 'echo x >/o; chown 65536 /o 2>&1; stat -c %u /o /proc/sys/kernel/panic /proc/self/environ';
    const lines = (await root.sh('box', script)).split('\n');
    expect(lines).toEqual([expect.stringContaining('Invalid argument'), '0', '65534', '0']);
  });

  test('the range is locked for tsct and for systemd-nspawn', async () => {
    for (const path of [`/run/tsct/.ids/${base}`, `/run/systemd/nspawn-uid/${base}`]) {
      expect((await execa('flock', ['-n', path, 'true'], { reject: false })).exitCode, path).toBe(1);
    }
  });
});

describe('namespaces', () => {
  const KINDS = ['user', 'pid', 'mnt', 'uts', 'ipc', 'net', 'cgroup'];

  test.each(KINDS)('%s is the container’s own', async (kind) => {
    const inside = await readlink(`/proc/${box.pid}/ns/${kind}`);
    expect(inside).toMatch(/^\w+:\[\d+\]$/);
    expect(inside).not.toBe(await readlink(`/proc/self/ns/${kind}`));
    expect(await readlink(`/proc/${box.supervisorPid}/ns/${kind}`)).toBe(
      await readlink(`/proc/self/ns/${kind}`),
    );
  });

  test('a command that is run inside is in all of them', async () => {
    const links = await root.sh('box', `for k in ${KINDS.join(' ')}; do readlink /proc/self/ns/$k; done`);
    const own = await Promise.all(KINDS.map((kind) => readlink(`/proc/${box.pid}/ns/${kind}`)));
    expect(links.split('\n')).toEqual(own);
  });

  test('the user namespace belongs to the base id, so that the kernel counts per container', async () => {
    const { stdout } = await execa(await guestProbe(), ['owner', `/proc/${box.pid}/ns/user`]);
    expect(Number(stdout)).toBe(base);
  });

  test('the host is not to be seen: processes, hostname, links, queues, cgroups', async () => {
    const seen = await root.sh(
      'box',
      'ls -d /proc/[0-9]* | wc -l; hostname; echo $(ls /sys/class/net); ipcs -q | grep -c 0x; cat /proc/1/cgroup | sort -u -t: -k3 | cut -d: -f3',
    );
    const [processes, hostname, links, queues, ...cgroups] = seen.split('\n');
    expect(Number(processes)).toBeLessThan(12);
    expect([hostname, links, queues, cgroups]).toEqual(['box', 'eth0 lo', '0', ['/']]);
  });

  test('the loopback link is up', async () => {
    expect(await root.sh('box', 'ping -c 1 -W 5 127.0.0.1 >/dev/null && echo up')).toBe('up');
  });
});
