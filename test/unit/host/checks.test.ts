import { describe, expect, it } from 'vitest';
import { renderCheck } from '../../../src/cli/render/check.js';
import { judgeCgroups } from '../../../src/host/cgroup-checks.js';
import { judgeKernel, type KernelFinding } from '../../../src/host/kernel-checks.js';
import {
  judgeIdRanges,
  judgeModules,
  judgeOpenFiles,
  judgePrivileges,
  judgeStateRoot,
} from '../../../src/host/machine-checks.js';
import { judgeSysctls } from '../../../src/host/sysctl-checks.js';
import { judgeTools } from '../../../src/host/tool-checks.js';

const failed = (name: string, errno: number, call = 'mount'): KernelFinding => ({
  name,
  ok: false,
  error: { step: 'mount overlay', call, errno, target: '/x', detail: '' },
});

describe('judgeKernel', () => {
  it('calls what containers need missing, and the rest limited with its cost', () => {
    const lines = judgeKernel([failed('idmapped-mount', 22, 'mount_setattr'), failed('overlay', 30)]);
    expect(lines.map(({ status, required }) => [status, required])).toEqual([
      ['missing', true],
      ['limited', false],
    ]);
    expect(lines[0]?.found).toBe('cannot mount overlay: mount_setattr: EINVAL');
    expect(lines[0]?.fix).toContain('ext4, xfs or btrfs');
    expect(lines[1]?.found).toContain('every container needs a whole copy of its root');
  });

  it('picks the fix by the error: a used-up limit is no missing kernel option', () => {
    const [limit] = judgeKernel([failed('user-namespace', 28, 'clone3')]);
    expect(limit?.fix).toContain('sysctl -w user.max_user_namespaces=100000');
    const [absent] = judgeKernel([failed('user-namespace', 22, 'clone3')]);
    expect(absent?.fix).toContain('CONFIG_USER_NS');
    const [nested] = judgeKernel([failed('guest-mounts', 1)]);
    expect(nested?.fix).toContain('container itself');
  });

  it('needs the BPF program for devices only where there is no v1 list', () => {
    const program = failed('device-program', 1, 'bpf');
    expect(judgeKernel([program, { name: 'device-list', ok: true }])).toEqual([
      expect.objectContaining({ status: 'ok', required: true }),
    ]);
    expect(judgeKernel([program])).toEqual([expect.objectContaining({ status: 'missing' })]);
  });

  it('leaves out what was not tried and what it does not know', () => {
    expect(judgeKernel([{ name: 'time-travel', ok: true }])).toEqual([]);
  });
});

describe('judgeCgroups', () => {
  it('finds controllers in either tree, and says how to get one', () => {
    const lines = judgeCgroups({
      driver: 'hybrid',
      unifiedMount: '/sys/fs/cgroup/unified',
      unifiedControllers: ['pids'],
      v1: [{ mount: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] }],
      accountsSwap: true,
    });
    const by = Object.fromEntries(lines.map((line) => [line.name, line]));
    expect(by['controller cpu']).toMatchObject({ status: 'ok', found: 'v1, /sys/fs/cgroup/cpu,cpuacct' });
    expect(by['controller pids']).toMatchObject({ status: 'ok', found: 'v2' });
    expect(by['controller memory']).toMatchObject({
      status: 'limited',
      fix: 'mkdir -p /sys/fs/cgroup/memory && mount -t cgroup -o memory memory /sys/fs/cgroup/memory',
    });
  });

  it('asks for another kernel command line on pure v2, and for a cgroup2 tree where there is none', () => {
    const lines = judgeCgroups({
      driver: 'v2',
      unifiedMount: '/sys/fs/cgroup',
      unifiedControllers: [],
      v1: [],
      accountsSwap: true,
    });
    expect(lines.find(({ name }) => name === 'controller memory')?.fix).toContain('cgroup_enable=memory');
    expect(judgeCgroups(undefined)).toEqual([expect.objectContaining({ status: 'missing', required: true })]);
  });
});

describe('judgeSysctls', () => {
  it('compares with what is wanted; none at all of a namespace is missing', () => {
    const lines = judgeSysctls(
      new Map([
        ['fs.inotify.max_user_instances', 8],
        ['kernel.pty.max', 4096],
        ['user.max_user_namespaces', 0],
        ['user.max_net_namespaces', 10],
      ]),
    );
    expect(lines.map(({ name, status }) => [name, status])).toEqual([
      ['fs.inotify.max_user_instances', 'limited'],
      ['kernel.pty.max', 'ok'],
      ['user.max_user_namespaces', 'missing'],
      ['user.max_net_namespaces', 'limited'],
    ]);
    expect(lines[0]?.fix).toBe(
      "echo 'fs.inotify.max_user_instances = 128' >> /etc/sysctl.d/60-tsct.conf && sysctl -p /etc/sysctl.d/60-tsct.conf",
    );
  });
});

describe('the machine', () => {
  const all = ['CAP_SYS_RESOURCE'];

  it('judges privileges', () => {
    expect(judgePrivileges(1000, [])).toEqual([expect.objectContaining({ status: 'missing' })]);
    expect(judgePrivileges(0, ['CAP_CHOWN'])[0]?.found).toContain('CAP_SYS_ADMIN');
  });

  it('judges open files by who may raise them', () => {
    expect(judgeOpenFiles({ soft: 1, hard: 20000 }, all).status).toBe('ok');
    expect(judgeOpenFiles({ soft: 1, hard: 20000 }, []).status).toBe('limited');
    expect(judgeOpenFiles({ soft: 1, hard: Number.POSITIVE_INFINITY }, []).status).toBe('ok');
  });

  it('counts free id ranges', () => {
    expect(judgeIdRanges([]).found).toContain('28664 free');
    expect(judgeIdRanges([{ base: 600000, size: 1, by: 'x' }]).found).toContain('28663 free');
    expect(judgeIdRanges([{ base: 0, size: 2 ** 32, by: '/etc/subuid: bob' }])).toMatchObject({
      status: 'missing',
      found: expect.stringContaining('bob'),
    });
  });

  it('judges the state root', () => {
    const mount = {
      mount: '/data',
      fsType: 'ext4',
      source: '/dev/x',
      mountOptions: ['rw'],
      superOptions: ['rw'],
    };
    expect(judgeStateRoot('/data/t', mount, 2 ** 40)[0]?.status).toBe('ok');
    expect(judgeStateRoot('/data/t', mount, 2 ** 20)[0]?.status).toBe('limited');
    expect(judgeStateRoot('/data/t', { ...mount, superOptions: ['ro'] }, 2 ** 40)[0]).toMatchObject({
      status: 'missing',
      fix: 'mount -o remount,rw /data',
    });
  });

  it('knows that unknown is not none', () => {
    expect(judgeModules([])).toMatchObject({ status: 'limited', fix: expect.stringContaining('securityfs') });
    expect(judgeModules(['apparmor']).status).toBe('ok');
  });

  it('looks programs up in PATH and names the package', () => {
    const busybox = { program: 'busybox', debianPackage: 'busybox-static', use: 'create --template busybox' };
    expect(judgeTools('/nowhere', [busybox])[0]).toMatchObject({
      status: 'limited',
      fix: 'apt-get install busybox-static',
    });
    expect(judgeTools('/nowhere:/usr/bin', []).find(({ name }) => name === 'unshare')?.status).toBe('ok');
  });
});

describe('renderCheck', () => {
  const line = {
    area: 'tools',
    name: 'runc',
    status: 'limited',
    required: false,
    found: 'no',
    fix: 'apt',
  } as const;
  it('prints the fix below its line, and the verdict last', () => {
    expect(renderCheck({ ok: true, checks: [line] }, (status) => status)).toBe(
      'tools\n  limited  runc  no\n           fix: apt\n\nContainers can run here.\n',
    );
    expect(renderCheck({ ok: false, checks: [] }, (status) => status)).toMatch(/^Containers cannot run/);
  });
});
