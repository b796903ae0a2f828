import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect } from 'vitest';
import { configureProbe, makeProbe, probe, probeLog } from '../support/config-probe.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

const root = useRoot();
const it = testNeeding(noRoot());
const look = (config: string, script: string) => probe(root, `[Exec]\n${config}\n`, script);

beforeAll(() => makeProbe(root));

describe('[Exec] keys as PID 1 sees them', () => {
  it('Init=, Parameters=, Environment=, Hostname=', async () => {
    const said = await look(
      'Environment=A=1 "B=two words"\nHostname=named.example',
      'echo "$$ $A|$B"\ncat /proc/1/cmdline | tr "\\0" "|"\nhostname\ncat /etc/hostname',
    );
    expect(said).toMatch(/^1 1\|two words\n\/bin\/sh\|-c\|.*\|named\.example\nnamed\.example\n/);
  });

  it('MachineID=: a UUID or its digits', async () => {
    const uuid = '01234567-89AB-cdef-0123-456789abcdef';
    const script = 'cat /etc/machine-id\necho $container_uuid';
    expect(await look(`MachineID=${uuid}`, script)).toBe(
      `0123456789abcdef0123456789abcdef\n${uuid.toLowerCase()}\n`,
    );
  });

  it('the environment is fresh, and nothing of the host is in it', async () => {
    process.env['TSCT_TEST_LEAK'] = 'leaked';
    const names = (await look('', 'env')).split('\n').map((line) => line.split('=')[0]);
    expect(names).toEqual(
      expect.arrayContaining(['HOME', 'PATH', 'TERM', 'USER', 'container', 'container_uuid']),
    );
    expect(names).not.toContain('TSCT_TEST_LEAK');
  });

  it('Capability=, DropCapability=, NoNewPrivileges=', async () => {
    const status = 'grep -E "^Cap|NoNew" /proc/self/status';
    const usual = '00000000fdecbfff';
    const sets = (bits: string) =>
      new RegExp(['Inh', 'Prm', 'Eff', 'Bnd'].map((set) => `Cap${set}:\t${bits}\n`).join(''));
    expect(await look('', status)).toMatch(sets(usual));
    expect(await look('', status)).toContain('NoNewPrivs:\t0');
    // capability.h: 25 SYS_TIME comes, 27 MKNOD goes.
    const changed = await look(
      'Capability=CAP_SYS_TIME\nDropCapability=CAP_MKNOD\nNoNewPrivileges=yes',
      status,
    );
    expect(changed).toMatch(
      sets((BigInt(`0x${usual}`) ^ (1n << 25n) ^ (1n << 27n)).toString(16).padStart(16, '0')),
    );
    expect(changed).toContain('NoNewPrivs:\t1');
  });

  it('SystemCallFilter= refuses what the list allows, and allows what it refuses', async () => {
    // Reading the clock's state is for everybody in the kernel's eyes, so what refuses it is the filter.
    const script = 'hostname other && echo renamed\nadjtimex | grep -q freq && echo read';
    expect(await look('', script)).toMatch(/renamed\n(?!.*read)/);
    const changed = await look('SystemCallFilter=~sethostname\nSystemCallFilter=@clock', script);
    expect(changed).toContain('Operation not permitted');
    expect(changed).toMatch(/read\n$/);
  });

  it('every Limit*=', async () => {
    // All at or below what any host gives; the columns of /proc/PID/limits.
    const rows = {
      LimitCPU: ['1h:2h', 'Max cpu time +3600 +7200 '],
      LimitFSIZE: ['1G:infinity', 'Max file size +1073741824 +unlimited '],
      LimitDATA: ['1G', 'Max data size +1073741824 +1073741824 '],
      LimitSTACK: ['4M:5M', 'Max stack size +4194304 +5242880 '],
      LimitCORE: ['0:1M', 'Max core file size +0 +1048576 '],
      LimitRSS: ['1T', 'Max resident set +1099511627776 +1099511627776 '],
      LimitNPROC: ['100:200', 'Max processes +100 +200 '],
      LimitNOFILE: ['100:200', 'Max open files +100 +200 '],
      LimitMEMLOCK: ['64K', 'Max locked memory +65536 +65536 '],
      LimitAS: ['2G', 'Max address space +2147483648 +2147483648 '],
      LimitLOCKS: ['10', 'Max file locks +10 +10 '],
      LimitSIGPENDING: ['50', 'Max pending signals +50 +50 '],
      LimitMSGQUEUE: ['4K', 'Max msgqueue size +4096 +4096 '],
      LimitNICE: ['0', 'Max nice priority +0 +0 '],
      LimitRTPRIO: ['0', 'Max realtime priority +0 +0 '],
      LimitRTTIME: ['5ms:1s', 'Max realtime timeout +5000 +1000000 '],
    };
    const config = Object.entries(rows)
      .map(([key, [value]]) => `${key}=${value}`)
      .join('\n');
    const said = await look(config, 'cat /proc/self/limits');
    for (const [, shown] of Object.values(rows)) expect(said).toMatch(new RegExp(`${shown}`));
  });

  it('Limit*=: programs run into them', async () => {
    const config = 'LimitFSIZE=1M\nLimitNOFILE=16\nLimitAS=64M\nLimitCPU=1s:5s\nLimitNPROC=60';
    const script = `
      dd if=/dev/zero of=/big bs=1M count=2 2>/dev/null; stat -c "%s bytes" /big
      (exec 20</dev/null) 2>/dev/null || echo too many open
      dd if=/dev/zero of=/dev/null bs=100M count=1 2>&1 | grep -o "out of memory"
      (while :; do :; done); echo ended by $?
      (for i in $(seq 80); do sleep 100 >/dev/null 2>&1 & done) 2>&1 | grep -o "can't fork"`;
    expect(await look(config, script)).toBe(
      "1048576 bytes\ntoo many open\nout of memory\nCPU time limit exceeded\nended by 152\ncan't fork\n",
    );
  });

  it('OOMScoreAdjust=, Personality=', async () => {
    const script = 'cat /proc/1/oom_score_adj\nuname -m';
    expect(await look('', script)).toMatch(/^0\n(x86_64|aarch64)\n/);
    expect(await look('OOMScoreAdjust=123\nPersonality=x86', script)).toMatch(/^123\n(i686|armv8l)\n/);
  });

  it('CPUAffinity=', async () => {
    const script = 'grep Cpus_allowed_list /proc/1/status';
    expect(await look('CPUAffinity=0', script)).toBe('Cpus_allowed_list:\t0\n');
    expect(await look('', script)).not.toBe('Cpus_allowed_list:\t0\n');
  });

  it('SuppressSync=: fsync(2) says yes to anything, even to what has none', async () => {
    expect(await look('', 'sync /proc/1/status')).toContain('Invalid argument');
    expect(await look('SuppressSync=yes', 'sync /proc/1/status && echo fine')).toBe('fine\n');
  });

  it('Timezone=', async () => {
    const hash = 'md5sum < /etc/localtime 2>/dev/null || echo none';
    const hosts = `${await look('Timezone=bind', `${hash}\ncat /proc/mounts | grep -c localtime`)}`;
    expect(hosts).toMatch(/^[0-9a-f]{32} .*\n1\n/);
    const zone = 'mkdir -p /usr/share/zoneinfo/Etc\nreadlink /etc/localtime || echo none';
    expect(await look('Timezone=delete', zone)).toBe('none\n');
    expect(await look('Timezone=off', zone)).toBe('none\n');
  });

  it('ResolvConf=', async () => {
    const host = readFileSync('/etc/resolv.conf', 'utf8');
    const script =
      '[ -e /etc/resolv.conf ] && cat /etc/resolv.conf\n[ -h /etc/resolv.conf ] && echo link\nln -sf /etc/hostname /etc/resolv.conf 2>/dev/null';
    expect(await look('ResolvConf=delete', script)).toBe('');
    // Now a symbolic link: copy leaves it alone, replace does not.
    expect(await look('ResolvConf=copy-host', 'readlink /etc/resolv.conf')).toBe('/etc/hostname\n');
    expect(await look('ResolvConf=replace-host', script)).toBe(host);
    expect(await look('ResolvConf=delete', script)).toBe('');
    expect(await look('ResolvConf=replace-host', 'echo >> /etc/resolv.conf')).toBe('');
    expect(await look('ResolvConf=copy-host', 'cat /etc/resolv.conf')).toBe(host);
    expect(
      await look('ResolvConf=bind-host', 'cat /etc/resolv.conf\necho >> /etc/resolv.conf || echo sealed'),
    ).toMatch(/sealed\n$/);
  });

  it('SetCredential=, LoadCredential=', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'tsct-secret-')), 'secret');
    writeFileSync(file, 'from a file\n', { mode: 0o600 });
    const said = await look(
      `SetCredential=greeting:hello\nSetCredential=both:config\nLoadCredential=both:${file}`,
      'cd $CREDENTIALS_DIRECTORY\npwd\ncat both greeting\nls -ld . both | cut -c1-10\ntouch x || echo sealed',
    );
    rmSync(dirname(file), { recursive: true });
    expect(said).toMatch(/^\/run\/host\/credentials\nfrom a file\nhello/);
    expect(said).toMatch(/dr-x------\n-r--------\n/);
    expect(said).toMatch(/sealed\n$/);
  });

  it('KillSignal= and RebootSignal= are what stop and reboot send', async () => {
    const wait = 'while :; do sleep 0.1; done';
    await configureProbe(
      root,
      '[Exec]\nKillSignal=SIGUSR2\nRebootSignal=SIGWINCH\n',
      `trap "echo asked; exit" USR2\ntrap "echo again" WINCH\necho armed\n${wait}`,
    );
    await root.ok(['start', 'probe']);
    await until('the script has armed its traps', async () => (await probeLog(root)).includes('armed'));
    await root.ok(['restart', 'probe', '--reboot']);
    await until('the reboot signal arrived', async () => (await probeLog(root)).includes('again'));
    await root.ok(['stop', 'probe', '--timeout', '10']);
    expect(await probeLog(root)).toMatch(/asked\n$/);
  });

  it('NotifyReady=no gives no socket', async () => {
    const script = 'ls /run/host/notify 2>/dev/null\necho "[$NOTIFY_SOCKET]"';
    expect(await look('', script)).toBe('/run/host/notify\n[/run/host/notify]\n');
    expect(await look('NotifyReady=no', script)).toBe('[]\n');
  });
});
