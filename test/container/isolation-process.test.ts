import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { guestProbe, pairs, probeTree } from '../support/guest-probe.js';
import { noProgram } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';
import { CHECKOUT } from '../support/tsct.js';

const root = useRoot();

interface Running {
  readonly pid: number;
  readonly supervisorPid: number;
  readonly uuid: string;
}

/** What systemd-nspawn(1) gives with a network of its own, by name. */
const CAPABILITIES =
  'audit_control audit_write chown dac_override dac_read_search fowner fsetid ipc_owner kill lease linux_immutable ' +
  'mknod net_admin net_bind_service net_broadcast net_raw setfcap setgid setpcap setuid sys_admin sys_boot sys_chroot ' +
  'sys_nice sys_ptrace sys_resource sys_tty_config';

/** linux/capability.h, in the order of their numbers. */
const NAMES =
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service ' +
  'net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin ' +
  'sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override ' +
  'mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore';

/** Started by the nastiest caller there is; its init is the probe. */
let bare: Running;
let said: Record<string, string>;
/** Fields of /proc/PID/status of that init. */
let status: Record<string, string>;

const CALLER = `
umask 077
trap '' HUP USR1 PIPE
exec 7</etc/passwd 9<>/dev/null
cd /var/tmp
exec choom -n 300 -- nice -n 7 ionice -c 3 taskset -c 0 setarch -R setpriv --groups 4,24 -- "$@"
`;

async function startBadly(name: string): Promise<void> {
  const cli = [process.execPath, join(CHECKOUT, 'bin/tsct.js'), 'start', name];
  const probe = await guestProbe();
  await execa(probe, ['keyring', 'bash', '-c', CALLER, 'caller', ...cli], {
    env: { TSCT_ROOT: root.path, TSCT_CANARY: 'canary-in-environ', LD_CANARY: 'canary', LANG: 'de_DE.UTF-8' },
    stdin: 'ignore',
  });
}

beforeAll(async () => {
  const tree = await probeTree(root.path);
  await root.ok([
    'create',
    'bare',
    ...['--rootfs', tree, '--set', 'Exec.Init=/probe', '--set', 'Exec.Parameters=init'],
  ]);
  await startBadly('bare');
  bare = (await root.ok(['info', 'bare', '--json'])).json<Running>();
  const log = join(root.layout.runDir('bare'), 'console.log');
  await until('the probe has said its words', async () => (await readFile(log, 'utf8')).includes('ready'));
  said = pairs((await readFile(log, 'utf8')).replaceAll('\r', ''));
  status = Object.fromEntries(
    (await readFile(`/proc/${bare.pid}/status`, 'utf8'))
      .split('\n')
      .map((line) => line.split(/:\s*/, 2) as [string, string]),
  );
  await root.ok(['create', 'box', '--template', 'busybox', '--start']);
  await root.ok(['cp', await guestProbe(), 'box:/probe']);
});

const ofBare = (file: string) => readFile(`/proc/${bare.pid}/${file}`, 'utf8');

/** Numbers 3 and up of proc_pid_stat(5). */
async function stat(field: number): Promise<string | undefined> {
  const text = await ofBare('stat');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[field - 3];
}

describe('PID 1, whoever started it', () => {
  test('has an environment of its own and nothing of the caller', async () => {
    const environment = (await ofBare('environ')).split('\0').filter((one) => one !== '');
    const host = pairs((await readFile('/etc/os-release', 'utf8')).replaceAll('=', ' ').replaceAll('"', ''));
    const hostItems = ['ID', 'VERSION_ID', 'BUILD_ID', 'VARIANT_ID']
      .filter((key) => host[key])
      .map((key) => `container_host_${key.toLowerCase()}=${host[key]}`);
    expect(environment.sort()).toEqual(
      [
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        ...['HOME=/root', 'USER=root', 'LOGNAME=root', 'TERM=xterm-256color', 'container=lxc'],
        `container_uuid=${bare.uuid}`,
        'NOTIFY_SOCKET=/run/host/notify',
        ...hostItems,
      ].sort(),
    );
  });

  test('has descriptors 0 to 2, all its console, and its supervisor none of the caller', async () => {
    const fds = await readdir(`/proc/${bare.pid}/fd`);
    expect(fds.sort()).toEqual(['0', '1', '2']);
    for (const fd of fds) expect(await readlink(`/proc/${bare.pid}/fd/${fd}`)).toBe('/dev/pts/0');
    const held = await readdir(`/proc/${bare.supervisorPid}/fd`);
    const links = await Promise.all(held.map((fd) => readlink(`/proc/${bare.supervisorPid}/fd/${fd}`)));
    expect(links).not.toContain('/etc/passwd');
  });

  test('starts in / with umask 022, no signal blocked or ignored, in no group', async () => {
    expect(await readlink(`/proc/${bare.pid}/cwd`)).toBe('/');
    expect(status['Groups']?.trim()).toBe('');
    const none = '0000000000000000';
    expect(status).toMatchObject({ Umask: '0022', SigBlk: none, SigIgn: none, SigCgt: none, ShdPnd: none });
  });

  test('has an ordinary priority, all CPUs, no OOM adjustment, a random address space', async () => {
    const own = {
      nice: await stat(19),
      io: (await execa('ionice', ['-p', String(bare.pid)])).stdout.split(':')[0],
      oomScoreAdj: (await ofBare('oom_score_adj')).trim(),
      cpus: status['Cpus_allowed_list'],
      personality: (await ofBare('personality')).trim(),
    };
    const cpus = /Cpus_allowed_list:\t(.*)/.exec(await readFile('/proc/1/status', 'utf8'))?.[1];
    expect(own).toEqual({ nice: '0', io: 'none', oomScoreAdj: '0', cpus, personality: '00000000' });
  });

  test('leads no session, as a kernel starts its init, and has no terminal: a getty has to take it', () => {
    expect(said).toMatchObject({ session: '0 group 0', tty: 'ENXIO' });
  });

  test('dies with its supervisor', () => {
    expect(said['pdeathsig']).toBe('9');
  });

  test('has a session keyring of its own', () => {
    // keyctl(2) KEYCTL_DESCRIBE: type;uid;gid;permissions;name. The caller's is called tsct-canary.
    expect(said['keyring']).toMatch(/^keyring;0;0;[0-9a-f]+;_ses$/);
  });

  test('has no login id', async () => {
    expect(await ofBare('loginuid')).toBe('4294967295');
  });

  test('is in the group that its cgroup namespace calls /', async () => {
    const inside = await root.sh('box', "cut -d: -f3 /proc/1/cgroup | sort -u; grep -c '' /proc/1/cgroup");
    const groups = (await ofBare('cgroup')).trimEnd().split('\n');
    expect(inside.split('\n')).toEqual(['/', String(groups.length)]);
    for (const line of groups) expect(line).toContain(root.layout.key('bare'));
  });
});

describe('capabilities', () => {
  const named = (mask: string | undefined) =>
    NAMES.split(' ').filter((_, number) => (BigInt(`0x${mask}`) >> BigInt(number)) & 1n);

  test('of PID 1 are those of systemd-nspawn, in every set but the ambient one', () => {
    for (const set of ['CapBnd', 'CapEff', 'CapPrm', 'CapInh']) {
      expect(named(status[set]).sort(), set).toEqual(CAPABILITIES.split(' '));
    }
    expect(status['CapAmb']).toBe('0000000000000000');
  });

  test('of a command that is run inside are no more', async () => {
    const own = await root.sh('box', 'cat /proc/self/status');
    for (const set of ['CapBnd', 'CapEff', 'CapPrm']) {
      expect(named(new RegExp(`${set}:\t(\\w+)`).exec(own)?.[1]).sort(), set).toEqual(
        CAPABILITIES.split(' '),
      );
    }
    expect(own).toMatch(/CapInh:\t0+\nCapPrm:.*\nCapEff:.*\nCapBnd:.*\nCapAmb:\t0+\n/);
  });
});

describe('system calls', () => {
  let answers: Record<string, string>;
  beforeAll(async () => {
    answers = pairs(await root.sh('box', '/probe calls'));
  });

  test('are filtered for PID 1 and for commands that are run inside', async () => {
    // The second one has calls answered that ask what lxcfs says: tsct.conf(5), SEEN FROM INSIDE.
    const filters = noProgram('lxcfs') === undefined ? '2' : '1';
    expect(status).toMatchObject({ Seccomp: '2', Seccomp_filters: filters, NoNewPrivs: '0' });
    expect(await root.sh('box', 'grep Seccomp: /proc/self/status')).toBe('Seccomp:\t2');
  });

  test('known and refused: EPERM, also where the kernel would have said something else', () => {
    const refused =
      'bpf kexec_load open_by_handle_at perf_event_open quotactl swapon init_module pidfd_getfd mlock syslog acct ' +
      'pkey_alloc clock_settime i386:perf_event_open i386:mlock';
    for (const call of refused.split(' ')) {
      if (call.startsWith('i386:') && process.arch !== 'x64') continue;
      expect(`${call} ${answers[call]}`).toBe(`${call} EPERM`);
    }
  });

  test('unknown: ENOSYS, so that a newer libc falls back', () => {
    expect(answers['unknown']).toBe('ENOSYS');
    if (process.arch === 'x64') expect(answers['i386:unknown']).toBe('ENOSYS');
  });

  test('what a system needs goes through', () => {
    expect(answers['getpid']).toBe('OK');
    if (process.arch === 'x64') expect(answers['i386:getpid']).toBe('OK');
    expect(answers['io_uring_setup']).not.toMatch(/ENOSYS|EPERM/);
    expect(answers['userfaultfd']).toBe('EINVAL');
  });

  test('the audit’s socket, which no namespace holds, is of no known family', () => {
    expect(answers).toMatchObject({
      'netlink:audit': 'EAFNOSUPPORT',
      'netlink:route': 'OK',
      unix: 'OK',
    });
  });
});

describe('identity of the boot', () => {
  test('boot_id is neither the host’s nor that of the boot before, and cannot be set', async () => {
    await root.ok(['create', 'again', '--template', 'busybox', '--start']);
    const script =
      'cat /proc/sys/kernel/random/boot_id; (echo x >/proc/sys/kernel/random/boot_id) 2>&1 | sed "s/.*: //"';
    const [first, refused] = (await root.sh('again', script)).split('\n');
    expect(first).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(refused).toBe('Read-only file system');
    expect(`${first}\n`).not.toBe(await readFile('/proc/sys/kernel/random/boot_id', 'utf8'));
    await root.ok(['restart', 'again']);
    expect((await root.sh('again', script)).split('\n')[0]).not.toBe(first);
  });
});

test('descriptors of the caller do not get into a command that is run inside', async () => {
  const cli = [
    process.execPath,
    join(CHECKOUT, 'bin/tsct.js'),
    'exec',
    'box',
    '-T',
    '--',
    'ls',
    '/proc/self/fd',
  ];
  const { stdout } = await execa('bash', ['-c', 'exec 7</etc/passwd; exec "$@"', 'caller', ...cli], {
    env: { TSCT_ROOT: root.path },
    stdin: 'ignore',
  });
  expect(stdout.split('\n').map(Number)).toEqual([0, 1, 2, 3]); // 3 is the directory that ls reads
});
