import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { enter, enterLine, inside } from '../support/enter.js';
import { until, useRoot } from '../support/temp-root.js';

const root = useRoot();
let pid = 0;

beforeAll(async () => {
  await root.ok(['create', 'web', '--template', 'busybox', '--start']);
  pid = (await root.ok(['info', 'web', '--json'])).json<{ pid: number }>().pid;
});

const web = (args: readonly string[], options = {}) => enter(root, 'web', args, options);

/** Of the payload on the host, `.../payload`. */
function payloadCgroup(): string {
  const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? '';
  const mount = /\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1];
  const own = join(mount ?? '', path);
  return own.endsWith('/payload') ? own : join(own.slice(0, own.indexOf('/payload')), 'payload');
}

function leaves(): string[] {
  return readdirSync(payloadCgroup()).filter((name) => name.startsWith('.tsct-exec'));
}

describe('exit code', () => {
  test.each([
    [['sh', '-c', 'exit 7'], 7],
    [['true'], 0],
    [['sh', '-c', 'kill -9 $$'], 137],
    [['sh', '-c', 'kill -TERM $$'], 143],
    [['/etc/passwd'], 126],
    [['/tmp'], 126],
    [['no-such-command'], 127],
    [['/no/such/command'], 127],
  ])('%j ends with %i', async (command, code) => {
    expect((await web(['--', ...command])).exitCode).toBe(code);
  });

  test('is that of the command through the command line too', async () => {
    expect((await root.run(['exec', 'web', '--', 'sh', '-c', 'exit 7'])).exitCode).toBe(7);
  });

  test.each([
    [['--user', 'nobody-such', '--', 'true'], 'no user nobody-such'],
    [['--user', 'root:nogroup-such', '--', 'true'], 'no group nogroup-such'],
    [['--user', '99999999', '--', 'true'], 'Invalid argument'],
    [['--cwd', '/no/such', '--', 'true'], '/no/such'],
    [['--env', 'BAD', '--', 'true'], 'NAME=VALUE'],
    [['--no-such-flag', '--', 'true'], '--no-such-flag'],
    [['--'], 'no command'],
  ])('%j is a failure of its own: 125, and why', async (args, why) => {
    const { exitCode, stderr } = await web(args);
    expect(exitCode).toBe(125);
    expect(stderr).toContain('tsct: cannot run ');
    expect(stderr).toContain(why);
  });

  test('is 125 for a container that is not there to enter', async () => {
    const { exitCode, stderr } = await enter(root, 'gone', ['--', 'true']);
    expect(exitCode).toBe(125);
    expect(stderr).toBe('tsct: cannot run true in gone: it is not running\nHint: tsct start gone\n');
  });
});

describe('streams', () => {
  test('1 MB comes through a pipe as it was', async () => {
    const data = randomBytes(1 << 20);
    const { stdout } = await web(['--', 'cat'], { stdin: 'pipe', input: data, encoding: 'buffer' });
    expect(Buffer.compare(Buffer.from(stdout as unknown as Uint8Array), data)).toBe(0);
  });

  test('stdout and stderr stay apart', async () => {
    const { stdout, stderr } = await web(['--', 'sh', '-c', 'echo out; echo err >&2']);
    expect({ stdout, stderr }).toEqual({ stdout: 'out\n', stderr: 'err\n' });
  });

  test.each([
    '<&-',
    '>&-',
    '2>&-',
    '<&- >&- 2>&-',
    '< /etc/hostname > /dev/null',
    '2> /dev/null',
    '2>&1 | cat',
  ])('led elsewhere: %s', async (redirection) => {
    const line = enterLine(root, 'web', `-- sh -c 'ls /proc/self/fd | tr "\\n" " "; exit 9' ${redirection}`);
    const { exitCode } = await execa('bash', ['-o', 'pipefail', '-c', line], {
      reject: false,
      stdin: 'ignore',
    });
    expect(exitCode).toBe(9);
  });

  // ls itself opens the directory as 3.
  test('no descriptor but 0, 1, 2 gets in', async () => {
    const line = `exec 7</etc/shadow 9</; ${enterLine(root, 'web', "-- sh -c 'ls /proc/self/fd; cat <&7'")}`;
    const { stdout, stderr } = await execa('bash', ['-c', line], { reject: false, stdin: 'ignore' });
    expect(stdout.split('\n')).toEqual(['0', '1', '2', '3']);
    expect(stderr).toContain('Bad file descriptor');
  });

  test("owner and mode of the caller's files do not change", async () => {
    const before = statSync('/dev/null');
    await execa('sh', [
      '-c',
      enterLine(root, 'web', '--user 1234 -- true < /dev/null > /dev/null 2> /dev/null'),
    ]);
    const after = statSync('/dev/null');
    expect([after.uid, after.gid, after.mode]).toEqual([before.uid, before.gid, before.mode]);
  });
});

describe('signals', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)(
    '%s reaches the command',
    async (signal) => {
      const script =
        "trap 'echo got; exit 42' INT TERM HUP QUIT USR1 USR2; echo up; while :; do sleep 0.1; done";
      const child = web(['--', 'sh', '-c', script]);
      child.stdout?.once('data', () => process.kill(child.pid ?? 0, signal));
      const { exitCode, stdout } = await child;
      expect({ exitCode, stdout }).toEqual({ exitCode: 42, stdout: 'up\ngot\n' });
    },
  );

  test('none is blocked or ignored inside', async () => {
    const line = `trap '' HUP USR1; ${enterLine(root, 'web', '-- grep -E "^Sig(Blk|Ign)" /proc/self/status')}`;
    const { stdout } = await execa('sh', ['-c', line], { stdin: 'ignore' });
    expect(stdout.match(/[0-9a-f]{16}/g)).toEqual(['0'.repeat(16), '0'.repeat(16)]);
  });

  test('a command does not outlive a killed tsct-exec', async () => {
    const child = web(['--', 'sh', '-c', 'echo up; exec sleep 1000']);
    await new Promise((up) => child.stdout?.once('data', up));
    child.kill('SIGKILL');
    await child;
    await until('the command is gone', async () => !(await inside(root, 'web', 'ps')).includes('sleep 1000'));
  });
});

describe('what the command is', () => {
  test('user, groups, home, environment and directory', async () => {
    await inside(root, 'web', "echo 'bob:x:1001:1002:Bob:/home/bob:/bin/sh' >> /etc/passwd");
    await inside(
      root,
      'web',
      "printf 'bob:x:1002:\\nstaff:x:50:alice,bob\\nwheel:x:51:alice\\n' >> /etc/group",
    );
    await inside(root, 'web', 'mkdir -p /home/bob');
    const script = 'id -u; id -g; id -G; pwd; env | sort';
    const { stdout } = await web(
      ['--user', 'bob', '--env', 'A=b c', '--env', 'USER=x', '--', 'sh', '-c', script],
      {
        env: { TERM: 'vt100', LANG: 'C', SECRET: 'of the host' },
      },
    );
    const [uid, gid, groups, cwd, ...env] = String(stdout).trimEnd().split('\n');
    expect([uid, gid, groups, cwd]).toEqual(['1001', '1002', '1002 50', '/home/bob']);
    const own = env.filter((line) => !/^(PWD|SHLVL|_)=/.test(line));
    expect(own).toEqual([
      'A=b c',
      'HOME=/home/bob',
      'LOGNAME=bob',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'SHELL=/bin/sh',
      'TERM=vt100',
      'USER=x',
      expect.stringMatching(/^container=./),
    ]);
  });

  test('--cwd, umask, numeric ids', async () => {
    const { stdout } = await web([
      '--user',
      '4321:77',
      '--cwd',
      '/tmp',
      '--',
      'sh',
      '-c',
      'pwd; umask; id -u; id -G',
    ]);
    expect(stdout).toBe('/tmp\n0022\n4321\n77\n');
  });

  test("capabilities, seccomp and no_new_privs are those of PID 1's children", async () => {
    const { stdout } = await web(['--', 'cat', '/proc/self/status', '/proc/1/status']);
    for (const field of ['CapBnd', 'CapEff', 'CapPrm', 'Seccomp', 'NoNewPrivs', 'Uid', 'Gid']) {
      const [own, first] = [...String(stdout).matchAll(new RegExp(`^${field}:\\s*(.*)$`, 'gm'))].map(
        (m) => m[1],
      );
      expect(own, field).toBe(first);
      expect(own, field).toBeDefined();
    }
    expect(stdout).toMatch(/^Seccomp:\s*2$/m);
    const { stdout: other } = await web(['--user', '1234', '--', 'cat', '/proc/self/status']);
    for (const field of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb'])
      expect(other).toMatch(new RegExp(`^${field}:\\s*0+$`, 'm'));
  });

  test("limits are PID 1's", async () => {
    const { stdout } = await web(['--', 'cat', '/proc/self/limits']);
    expect(stdout).toBe(readFileSync(`/proc/${pid}/limits`, 'utf8'));
  });

  test('all namespaces are those of PID 1', async () => {
    const of = (who: string) => inside(root, 'web', `cd /proc/${who}/ns && ls -l | sed -n 's/.*-> //p'`);
    expect((await of('self')).split('\n')).toEqual((await of('1')).split('\n'));
  });

  test('it runs in the leaf below the payload, and in the v1 groups', async () => {
    const child = web(['--', 'sh', '-c', 'cat /proc/self/cgroup; read -r line'], { stdin: 'pipe' });
    const seen = await new Promise<string>((up) => child.stdout?.once('data', (data) => up(String(data))));
    expect(seen).toMatch(/^0::\/\.tsct-exec$/m);
    expect(leaves()).toEqual(['.tsct-exec']);
    const members = readFileSync(join(payloadCgroup(), '.tsct-exec/cgroup.procs'), 'utf8').trim().split('\n');
    const v1 = (of: string) => readFileSync(`/proc/${of}/cgroup`, 'utf8').replace(/^0::.*$/m, '');
    expect(v1(members[0] ?? '')).toBe(v1(String(pid)));
    child.stdin?.end('\n');
    await child;
    expect(leaves()).toEqual([]);
  });

  test("what a guest keeps in the leaf is in nobody's way", async () => {
    await inside(root, 'web', 'mkdir /sys/fs/cgroup/.tsct-exec/kept');
    expect(leaves()).toEqual(['.tsct-exec']);
    await inside(root, 'web', 'rmdir /sys/fs/cgroup/.tsct-exec/kept');
    expect(leaves()).toEqual([]);
  });

  test('a hundred in a row, and twenty at once, leave no group and no process', async () => {
    const members = () => readFileSync(join(payloadCgroup(), 'cgroup.procs'), 'utf8');
    const before = members();
    for (let i = 0; i < 100; i++) expect((await web(['--', 'true'])).exitCode).toBe(0);
    const codes = await Promise.all(
      Array.from({ length: 20 }, async () => (await web(['--', 'true'])).exitCode),
    );
    expect(new Set(codes)).toEqual(new Set([0]));
    expect(leaves()).toEqual([]);
    expect(members()).toBe(before);
  });
});
