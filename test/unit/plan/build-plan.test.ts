import { describe, expect, it } from 'vitest';
import { KNOWN_SYSCALLS } from '../../../src/base/syscalls.js';
import { buildPlan } from '../../../src/plan/build-plan.js';
import type { PlanInput } from '../../../src/plan/plan-input.js';
import { ociErrors } from './oci-schema.js';
import { MODERN_FACTS, SAMPLE_FACTS, sampleInput } from './sample-input.js';

const plan = (config: string, changes: Partial<PlanInput> = {}) => {
  const built = buildPlan(sampleInput(config, changes));
  expect(ociErrors(built)).toEqual([]);
  return built;
};
const exec = (config: string, changes: Partial<PlanInput> = {}) => plan(`[Exec]\n${config}`, changes).process;
const files = (config: string) => plan(`[Files]\n${config}`);
const withoutSysResource = { facts: { ...SAMPLE_FACTS, capabilities: ['CAP_SYS_ADMIN'] } };
const error = (code: string) => expect.objectContaining({ code, exitCode: 5 });

describe('process', () => {
  it('has a fresh environment that Environment= adds to and overrides', () => {
    expect(exec('Environment=A=1 TERM=dumb\nSetCredential=a:b').env).toMatchInlineSnapshot(`
      [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=/root",
        "USER=root",
        "LOGNAME=root",
        "TERM=dumb",
        "container=lxc",
        "container_uuid=6b5f1e0c-8f63-4c6e-9f0e-2f3f5a1c7d11",
        "NOTIFY_SOCKET=/run/host/notify",
        "CREDENTIALS_DIRECTORY=/run/host/credentials",
        "container_host_id=debian",
        "container_host_version_id=12",
        "A=1",
      ]
    `);
  });

  it('leaves init to be found, or takes Init= and Parameters=', () => {
    expect(exec('').args).toEqual(['']);
    expect(exec('Init=/opt/init\nParameters=-v "a b"').args).toEqual(['/opt/init', '-v', 'a b']);
    expect(plan('').tsct.init.candidates[0]).toBe('/sbin/init');
  });

  it('has the default capabilities, in every set but ambient', () => {
    const { capabilities } = exec('');
    expect(capabilities.bounding.map((name) => name.slice(4)).join(' ')).toMatchInlineSnapshot(
      `"AUDIT_CONTROL AUDIT_WRITE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_OWNER KILL LEASE LINUX_IMMUTABLE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_NICE SYS_PTRACE SYS_RESOURCE SYS_TTY_CONFIG"`,
    );
    expect(capabilities.effective).toEqual(capabilities.bounding);
    expect(capabilities.ambient).toBeUndefined();
  });

  it('adds and drops capabilities; dropping wins', () => {
    const { bounding } = exec(
      'Capability=CAP_SYS_TIME CAP_BPF\nDropCapability=CAP_BPF CAP_MKNOD',
    ).capabilities;
    expect(bounding).toContain('CAP_SYS_TIME');
    expect(bounding).not.toContain('CAP_BPF');
    expect(bounding).not.toContain('CAP_MKNOD');
    expect(exec('DropCapability=all').capabilities.bounding).toEqual([]);
  });

  it("has the kernel's own limits, clamped where the host cannot raise them", () => {
    const pairs = (changes: Partial<PlanInput>) =>
      Object.fromEntries(
        exec('', changes).rlimits.map(({ type, soft, hard }) => [type.slice(7), `${soft}:${hard}`]),
      );
    expect(pairs({})).toMatchInlineSnapshot(`
      {
        "AS": "9007199254740992:9007199254740992",
        "CORE": "0:9007199254740992",
        "CPU": "9007199254740992:9007199254740992",
        "DATA": "9007199254740992:9007199254740992",
        "FSIZE": "9007199254740992:9007199254740992",
        "LOCKS": "9007199254740992:9007199254740992",
        "MEMLOCK": "8388608:8388608",
        "MSGQUEUE": "819200:819200",
        "NICE": "0:0",
        "NOFILE": "1024:524288",
        "NPROC": "96000:96000",
        "RSS": "9007199254740992:9007199254740992",
        "RTPRIO": "0:0",
        "RTTIME": "9007199254740992:9007199254740992",
        "SIGPENDING": "96000:96000",
        "STACK": "8388608:9007199254740992",
      }
    `);
    expect(pairs({})['NOFILE']).toBe('1024:524288');
    expect(pairs(withoutSysResource)['NOFILE']).toBe('1024:20000');
  });

  it('refuses a configured limit that the host cannot give, with its line', () => {
    expect(exec('LimitNOFILE=30000').rlimits).toContainEqual({
      type: 'RLIMIT_NOFILE',
      soft: 30_000,
      hard: 30_000,
    });
    expect(() => exec('LimitNOFILE=30000', withoutSysResource)).toThrow(error('TSCT_HOST_LIMIT'));
    expect(() => exec('LimitNOFILE=30000', withoutSysResource)).toThrow(
      /^config:2: cannot set LimitNOFILE=.* 20000/,
    );
  });

  it('carries NoNewPrivileges= and OOMScoreAdjust=, absent by default', () => {
    expect(exec('NoNewPrivileges=yes\nOOMScoreAdjust=-7')).toMatchObject({
      noNewPrivileges: true,
      oomScoreAdj: -7,
    });
    expect(exec('').noNewPrivileges).toBe(false);
    expect('oomScoreAdj' in exec('')).toBe(false);
    expect(() => exec('OOMScoreAdjust=-7', withoutSysResource)).toThrow(error('TSCT_HOST_LIMIT'));
  });
});

describe('mounts', () => {
  const rows = (config: string) =>
    files(config).mounts.map(
      (mount) => `${mount.destination} ${mount.type} ${mount.source} ${mount.options.join(',')}`,
    );
  const standard = rows('').length;

  it('are the standard ones by default', () => {
    expect(rows('')).toMatchInlineSnapshot(`
      [
        "/proc proc proc nosuid,noexec,nodev",
        "/sys sysfs sysfs ro,nosuid,noexec,nodev",
        "/sys/fs/cgroup cgroup cgroup nosuid,noexec,nodev",
        "/dev tmpfs tmpfs nosuid,strictatime,mode=0755,size=4m,nr_inodes=64k",
        "/dev/pts devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5",
        "/dev/shm tmpfs tmpfs nosuid,nodev,mode=1777,size=10%",
        "/dev/mqueue mqueue mqueue nosuid,noexec,nodev",
        "/run tmpfs tmpfs nosuid,nodev,mode=0755,size=20%,nr_inodes=800k",
        "/tmp tmpfs tmpfs nosuid,nodev,mode=1777,size=10%,nr_inodes=400k",
      ]
    `);
    expect(files('').tsct.mounts).toEqual({});
  });

  it('come from [Files], outer before inner, always nodev', () => {
    const config =
      'Bind=/h/b:/a/b\nBindReadOnly=-/h/a:/a:norbind,owneridmap\nTemporaryFileSystem=/t:size=1m\nOverlay=/l:/u:/o\nOverlayReadOnly=/x:/y:/p/q';
    expect(rows(config).slice(standard)).toMatchInlineSnapshot(`
      [
        "/t tmpfs tmpfs nosuid,nodev,mode=0755,size=1m",
        "/a bind /h/a bind,nodev,ro",
        "/o overlay overlay nodev",
        "/a/b bind /h/b rbind,nodev",
        "/p/q overlay overlay ro,nodev",
      ]
    `);
    expect(files(config).tsct.mounts).toMatchInlineSnapshot(`
      {
        "/a": {
          "create": true,
          "idmap": "owner",
          "optional": true,
        },
        "/a/b": {
          "create": true,
          "idmap": "container",
        },
        "/o": {
          "create": true,
          "lowers": [
            "/l",
          ],
          "upper": "/u",
        },
        "/p/q": {
          "create": true,
          "lowers": [
            "/x",
            "/y",
          ],
        },
        "/t": {
          "create": true,
        },
      }
    `);
    expect(
      files(config).mounts.every(
        (mount) => mount.destination === '/dev' || mount.type === 'devpts' || mount.options.includes('nodev'),
      ),
    ).toBe(true);
  });

  it('let the config size /run and /tmp, /run still before what lies in it', () => {
    const mounts = files(
      'TemporaryFileSystem=/run:size=1m\nTemporaryFileSystem=/tmp:size=2m\nBind=/h:/run/x',
    ).mounts;
    expect(mounts.filter(({ destination }) => destination === '/run')).toHaveLength(1);
    const order = mounts.map(({ destination }) => destination);
    expect(order.indexOf('/run')).toBeLessThan(order.indexOf('/run/x'));
    expect(mounts.find(({ destination }) => destination === '/tmp')?.options).toContain('size=2m');
  });

  it('mask and protect', () => {
    const { maskedPaths, readonlyPaths } = files('Inaccessible=/etc/secret').linux;
    expect(maskedPaths.at(-1)).toBe('/etc/secret');
    expect(readonlyPaths).toContain('/proc/sys');
  });

  it('make the root read-only on request', () => {
    expect(files('ReadOnly=yes')).toMatchObject({
      root: { readonly: true },
      tsct: { rootfs: { readonly: true } },
    });
  });
});

describe('devices', () => {
  it('are the harmless ones, under a closed policy', () => {
    const { devices, resources } = plan('').linux;
    expect(devices.map(({ path, major, minor }) => `${path} ${major}:${minor}`)).toMatchInlineSnapshot(`
      [
        "/dev/null 1:3",
        "/dev/zero 1:5",
        "/dev/full 1:7",
        "/dev/random 1:8",
        "/dev/urandom 1:9",
        "/dev/tty 5:0",
        "/dev/fuse 10:229",
        "/dev/net/tun 10:200",
      ]
    `);
    expect(resources.devices[0]).toEqual({ allow: false, access: 'rwm' });
    expect(resources.devices.slice(1).every(({ type, major }) => type === 'c' && major !== undefined)).toBe(
      true,
    );
  });

  it('have no fuse and tun where the host has none', () => {
    const { devices } = plan('', { facts: { ...SAMPLE_FACTS, devices: {} } }).linux;
    expect(devices.map(({ path }) => path)).not.toContain('/dev/fuse');
  });

  it('DevicePolicy= decides which of them may be opened; what is looked up at the start goes to native', () => {
    const closed = plan('[Resources]\nDevicePolicy=closed').linux;
    expect(closed.devices.map(({ path }) => path)).not.toContain('/dev/fuse');
    const strict = plan('[Resources]\nDevicePolicy=strict').linux.resources.devices;
    expect(strict.map(({ major }) => major)).toEqual([undefined, 5, 136, 137, 138, 139, 140, 141, 142, 143]);
    const given = plan('[Resources]\nDevice=/dev/fuse:mode=600\nDeviceAllow=char-x r');
    expect(given.linux.devices.map(({ path }) => path)).not.toContain('/dev/fuse');
    expect(given.tsct.devices).toEqual({
      nodes: [{ source: '/dev/fuse', path: '/dev/fuse', access: 'rwm', uid: 0, gid: 0, fileMode: 0o600 }],
      allow: [{ type: 'c', driver: 'x', access: 'r' }],
    });
  });
});

describe('seccomp', () => {
  const names = (config: string) => {
    const { syscalls } = plan(`[Exec]\n${config}`).linux.seccomp;
    return { allowed: syscalls[0]?.names ?? [], refused: syscalls[1]?.names ?? [], rules: syscalls.slice(2) };
  };

  it('allows or refuses every known call, none twice', () => {
    const { allowed, refused } = names('');
    expect([...allowed, ...refused, 'socket'].sort()).toEqual([...KNOWN_SYSCALLS].sort());
  });

  it('allows what guests need and refuses what is of the host', () => {
    const { allowed, refused } = names('');
    for (const name of [
      'clone3',
      'mount',
      'keyctl',
      'reboot',
      'ptrace',
      'landlock_restrict_self',
      'mseal',
      'io_uring_setup',
      'statmount',
    ]) {
      expect(allowed).toContain(name);
    }
    for (const name of [
      'bpf',
      'kexec_load',
      'init_module',
      'settimeofday',
      'swapon',
      'syslog',
      'open_by_handle_at',
      'perf_event_open',
      'quotactl',
      'pidfd_getfd',
      'iopl',
      'fanotify_init',
      'mlockall',
    ]) {
      expect(refused).toContain(name);
    }
  });

  it('follows the capabilities', () => {
    expect(names('Capability=CAP_SYS_TIME').allowed).toContain('clock_settime');
    expect(names('DropCapability=CAP_SYS_BOOT').refused).toContain('reboot');
  });

  it('takes SystemCallFilter=, refusing wins', () => {
    expect(names('SystemCallFilter=bpf @pkey').allowed).toEqual(
      expect.arrayContaining(['bpf', 'pkey_alloc']),
    );
    expect(names('SystemCallFilter=bpf\nSystemCallFilter=~bpf mount').refused).toEqual(
      expect.arrayContaining(['bpf', 'mount']),
    );
  });

  it('hides audit, and nothing else, behind EAFNOSUPPORT', () => {
    expect(names('').rules).toMatchInlineSnapshot(`
      [
        {
          "action": "SCMP_ACT_ALLOW",
          "args": [
            {
              "index": 0,
              "op": "SCMP_CMP_NE",
              "value": 16,
            },
          ],
          "names": [
            "socket",
          ],
        },
        {
          "action": "SCMP_ACT_ALLOW",
          "args": [
            {
              "index": 2,
              "op": "SCMP_CMP_NE",
              "value": 9,
            },
          ],
          "names": [
            "socket",
          ],
        },
        {
          "action": "SCMP_ACT_ERRNO",
          "args": [
            {
              "index": 0,
              "op": "SCMP_CMP_EQ",
              "value": 16,
            },
            {
              "index": 2,
              "op": "SCMP_CMP_EQ",
              "value": 9,
            },
          ],
          "errnoRet": 97,
          "names": [
            "socket",
          ],
        },
      ]
    `);
    expect(names('SystemCallFilter=~socket').rules).toEqual([]);
    expect(names('SystemCallFilter=~socket').refused).toContain('socket');
  });

  it('lets sync calls do nothing for SuppressSync=, and refuses O_SYNC', () => {
    const { allowed, refused, rules } = names('SuppressSync=yes\nSystemCallFilter=~syncfs');
    const said = rules.map(({ names: [name], action, errnoRet, args }) => {
      const flags =
        args?.map(({ index, value, valueTwo }) => `args[${index}]&${value}=${valueTwo ?? ''}`) ?? [];
      return [name, action.slice(9), errnoRet ?? '', ...flags].join(' ').trim();
    });
    expect(said.filter((rule) => !rule.startsWith('socket'))).toMatchInlineSnapshot(`
      [
        "fdatasync ERRNO 0",
        "fsync ERRNO 0",
        "msync ERRNO 0",
        "sync ERRNO 0",
        "sync_file_range ERRNO 0",
        "sync_file_range2 ERRNO 0",
        "openat2 ERRNO 38",
        "open ALLOW  args[1]&4096=0",
        "open ERRNO 22 args[1]&4096=4096",
        "openat ALLOW  args[2]&4096=0",
        "openat ERRNO 22 args[2]&4096=4096",
      ]
    `);
    expect(allowed).not.toContain('fsync');
    expect(refused).toContain('syncfs');
    expect(refused).not.toContain('fsync');
  });

  it('needs an architecture that it has a list for', () => {
    expect(() => plan('', { facts: { ...SAMPLE_FACTS, architecture: 's390x' } })).toThrow(
      error('TSCT_HOST_ARCHITECTURE'),
    );
  });
});

describe("the host's settings", () => {
  const edits = (config: string, changes: Partial<PlanInput> = {}) =>
    plan(`[Exec]\n${config}`, changes).tsct.files;
  const binds = (config: string) => plan(`[Exec]\n${config}`).mounts.filter(({ type }) => type === 'bind');

  it('reach the container by default as a link to its own zone only', () => {
    expect(edits('')).toMatchInlineSnapshot(`
      [
        {
          "op": "symlink",
          "path": "/etc/localtime",
          "target": "../usr/share/zoneinfo/Europe/Berlin",
          "when": "target",
        },
      ]
    `);
    expect(edits('Timezone=off')).toEqual([]);
    expect(edits('', { facts: { ...MODERN_FACTS, timezone: 'UTC' } })).toMatchObject([
      { target: '../usr/share/zoneinfo/UTC' },
    ]);
  });

  it('reach it by Timezone= and ResolvConf=', () => {
    expect(edits('Timezone=off\nResolvConf=copy-host')).toEqual([
      {
        op: 'write',
        path: '/etc/resolv.conf',
        content: 'nameserver 192.0.2.53\n',
        mode: 0o644,
        when: 'plain',
      },
    ]);
    expect(edits('Timezone=off\nResolvConf=replace-host')[0]).not.toHaveProperty('when');
    expect(edits('Timezone=delete\nResolvConf=delete').map(({ op }) => op)).toEqual(['remove', 'remove']);
    expect(
      binds('Timezone=bind\nResolvConf=bind-host').map(
        ({ source, options }) => `${source} ${options.join()}`,
      ),
    ).toEqual(['/etc/localtime bind,nodev,ro,nosuid,noexec', '/etc/resolv.conf bind,nodev,ro,nosuid,noexec']);
    expect(() => edits('ResolvConf=copy-stub')).toThrow(error('TSCT_HOST_RESOLV_CONF'));
  });

  it('include a host name of its own only when asked', () => {
    expect(plan('').hostname).toBe('web');
    const named = plan('[Exec]\nHostname=a.example\nTimezone=off');
    expect(named.hostname).toBe('a.example');
    expect(named.tsct.files).toEqual([
      { op: 'write', path: '/etc/hostname', content: 'a.example\n', mode: 0o644 },
    ]);
  });

  it('fill /run/host', () => {
    const { runHost } = plan('[Exec]\nSetCredential=a:x\nSetCredential=b:y', {
      credentials: { b: 'ZmlsZQ==' },
    }).tsct;
    expect(runHost).toMatchInlineSnapshot(`
      {
        "credentials": {
          "a": "eA==",
          "b": "ZmlsZQ==",
        },
        "files": {
          "container-manager": {
            "content": "tsct
      ",
            "mode": 292,
          },
          "container-uuid": {
            "content": "6b5f1e0c-8f63-4c6e-9f0e-2f3f5a1c7d11
      ",
            "mode": 292,
          },
          "os-release": {
            "content": "PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
      ID=debian
      VERSION_ID="12"
      ",
            "mode": 292,
          },
        },
        "notifySocket": true,
      }
    `);
    expect(plan('[Exec]\nNotifyReady=no').tsct.runHost.notifySocket).toBe(false);
    expect(plan('[Exec]\nNotifyReady=no').process.env.join()).not.toContain('NOTIFY_SOCKET');
  });
});

describe('tsct', () => {
  it('says where everything is, and how it ends', () => {
    const {
      runHost: _,
      files: __,
      mounts: ___,
      ...rest
    } = plan(
      '[Exec]\nKillSignal=SIGRTMIN+4\nRebootSignal=INT\n[Start]\nRestart=on-failure\nRestartSec=1',
    ).tsct;
    expect(rest).toMatchInlineSnapshot(`
      {
        "cgroup": {
          "driver": "hybrid",
          "path": "/tsct/web",
          "unifiedMount": "/sys/fs/cgroup/unified",
          "v1": [
            {
              "controllers": [
                "memory",
              ],
              "mount": "/sys/fs/cgroup/memory",
            },
            {
              "controllers": [
                "pids",
              ],
              "mount": "/sys/fs/cgroup/pids",
            },
            {
              "controllers": [
                "devices",
              ],
              "mount": "/sys/fs/cgroup/devices",
            },
          ],
        },
        "console": {
          "logBytesMax": 262144,
        },
        "containerDir": "/var/lib/tsct/web",
        "format": 1,
        "idRangeLocks": [
          "/run/tsct/.ids/983040",
          "/run/systemd/nspawn-uid/983040",
        ],
        "init": {
          "candidates": [
            "/sbin/init",
            "/usr/lib/systemd/systemd",
            "/lib/systemd/systemd",
            "/etc/init",
            "/bin/init",
          ],
          "haltSignal": 38,
          "rebootSignal": 2,
        },
        "key": "web",
        "name": "web",
        "proc": {
          "bootId": true,
          "writableSys": [
            "net",
          ],
        },
        "readiness": {
          "notify": true,
        },
        "restart": {
          "delayMs": 1000,
          "limitBurst": 5,
          "limitIntervalMs": 10000,
          "policy": "on-failure",
        },
        "rootfs": {
          "driver": "overlay",
          "layers": [
            "/var/lib/tsct/.store/layers/busybox-1/tree",
          ],
          "readonly": false,
          "upperDir": "/var/lib/tsct/.store/layers/web-upper",
        },
        "runDir": "/run/tsct/web",
        "seccompCacheDir": "/run/tsct/.seccomp",
        "sys": {
          "skeleton": [
            "block",
            "bus",
            "class",
            "dev",
            "devices",
            "kernel",
          ],
        },
        "uuid": "6b5f1e0c-8f63-4c6e-9f0e-2f3f5a1c7d11",
      }
    `);
  });

  it('has a systemd unit in place of a path where systemd is init', () => {
    const built = plan('', { facts: MODERN_FACTS });
    expect(built.linux.cgroupsPath).toBe('tsct.slice:tsct:web');
    expect(built.tsct.cgroup).toMatchObject({ driver: 'systemd', unifiedMount: '/sys/fs/cgroup', v1: [] });
  });

  it('has the CPUs of CPUAffinity= once and in order', () => {
    expect(plan('[Exec]\nCPUAffinity=3 0-1\nCPUAffinity=1').tsct.init.cpuAffinity).toEqual([0, 1, 3]);
    expect(plan('').tsct.init).not.toHaveProperty('cpuAffinity');
  });

  it('maps one range, for uids as for gids', () => {
    const { uidMappings, gidMappings } = plan('').linux;
    expect(uidMappings).toEqual([{ containerID: 0, hostID: 983_040, size: 65_536 }]);
    expect(gidMappings).toEqual(uidMappings);
  });

  it('is the same for the same input', () => {
    const config = '[Exec]\nEnvironment=B=1 A=2\n[Files]\nBind=/b\nBind=/a';
    expect(JSON.stringify(plan(config))).toBe(JSON.stringify(plan(config)));
  });
});
