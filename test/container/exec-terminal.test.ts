import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { programPath } from '../../src/supervisor/programs.js';
import { enter, enterLine, inside, onTerminal } from '../support/enter.js';
import { until, useRoot } from '../support/temp-root.js';

const root = useRoot();
const DETACH = '\x1d\x1d\x1d';

beforeAll(async () => {
  await root.ok(['create', 'web', '--template', 'busybox']);
  await root.ok(['start', 'web']);
});

const line = (rest: string) => enterLine(root, 'web', rest);

describe('on a terminal', () => {
  test('the command has one of its own, of the right size, that belongs to the user', async () => {
    const { output, exitCode } = await onTerminal(
      line(`--user 1234 -- sh -c 'tty; stty size; stat -c %u:%a $(tty); exit 5'`),
    );
    expect(output).toContain('/dev/pts/');
    expect(output).toContain('33 99');
    expect(output).toContain('1234:620');
    expect(exitCode).toBe(5);
  });

  test('it is the controlling terminal: Ctrl-C ends the foreground job', async () => {
    const { output, exitCode } = await onTerminal(line(`-- sh -c 'echo up; sleep 1000; echo on'`), [
      { after: 'up', type: '\x03' },
    ]);
    expect(exitCode).toBe(130);
    expect(output).not.toContain('on\r\n');
  });

  test('all output arrives before the end', async () => {
    const { output } = await onTerminal(line('-- seq 1 50000'));
    const wanted = Array.from({ length: 50_000 }, (_, i) => `${i + 1}\r\n`).join('');
    expect(output).toBe(wanted);
  });

  test('a change of size gets in', async () => {
    const { output } = await onTerminal(
      `(sleep 0.7; stty rows 44 cols 111 -F /dev/tty) & ${line(`-- sh -c 'stty size; sleep 1.5; stty size'`)}`,
    );
    expect(output).toContain('33 99');
    expect(output).toContain('44 111');
  });

  test('three Ctrl-] leave, with the terminal as it was; two do not', async () => {
    const cat = line(`-- sh -c 'echo up; exec cat'`);
    const whole = `stty -g > /tmp/b$$; ${cat}; echo code=$?; stty -g | diff - /tmp/b$$ && echo same; rm /tmp/b$$`;
    const left = await onTerminal(whole, [{ after: 'up', type: `a${DETACH}` }]);
    expect(left.output).toContain('detached');
    expect(left.output).toContain('code=0');
    expect(left.output).toContain('same');
    const stayed = await onTerminal(cat, [{ after: 'up', type: '\x1d\x1d.\n\x04' }]);
    expect(stayed.output).not.toContain('detached');
    // Detached before the command is there: it must not wait for it.
    expect((await onTerminal(`echo up; ${cat}`, [{ after: 'up', type: DETACH }])).exitCode).toBe(0);
    await until('the command is hung up', async () => !(await inside(root, 'web', 'ps')).includes('cat'));
  });

  test('a signal to tsct-exec gives the terminal back', async () => {
    const whole = `stty -g > /tmp/b$$; (sleep 1; kill $(pgrep -n -f 'control -- sleep 4242')) & ${line('-- sleep 4242')}; echo code=$?; stty -g | diff - /tmp/b$$ && echo same; rm /tmp/b$$`;
    const { output } = await onTerminal(whole);
    expect(output).toContain('code=143');
    expect(output).toContain('same');
  });

  test("--no-tty at a terminal: pipes, never the caller's terminal itself", async () => {
    const { output } = await onTerminal(
      line(`--no-tty -- sh -c 'ls -l /proc/self/fd; echo err > /dev/stderr; read -r x; echo got $x'`),
      [{ after: 'err', type: 'typed\n' }],
    );
    expect(output.match(/[012] -> pipe:/g)).toHaveLength(3);
    expect(output).toContain('got typed');
  });

  test('without one, --tty still gives one; the end of stdin is Ctrl-D', async () => {
    const { stdout, exitCode } = await enter(
      root,
      'web',
      ['--tty', '--', 'sh', '-c', 'stty size; cat; echo bye'],
      {
        stdin: 'pipe',
        input: 'line\npart',
      },
    );
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/24 80\r\n[\s\S]*line\r\npart[\s\S]*bye\r\n$/);
  });
});

describe('login', () => {
  test("the user's shell as a login shell, at home", async () => {
    const { output } = await onTerminal(line('--login'), [{ after: '#', type: 'echo "$0 $PWD"; exit 4\n' }]);
    expect(output).toContain('-sh /root');
  });

  test('/bin/sh when the shell of /etc/passwd is not there', async () => {
    await inside(root, 'web', "echo 'lost:x:1009:1009::/tmp:/bin/no-such' >> /etc/passwd");
    const { stdout } = await enter(root, 'web', ['--user', 'lost', '--login'], {
      stdin: 'pipe',
      input: 'echo "$0 $SHELL $PWD"\n',
    });
    expect(stdout).toBe('-sh /bin/sh /tmp\n');
  });

  test('no shell at all is said clearly', async () => {
    await inside(root, 'web', '/bin/busybox mv /bin/sh /bin/hidden');
    const { exitCode, stderr } = await enter(root, 'web', ['--login']);
    await enter(root, 'web', ['--', '/bin/busybox', 'mv', '/bin/hidden', '/bin/sh']);
    expect(exitCode).toBe(125);
    expect(stderr).toMatch(/^tsct: cannot attach to web: it has no shell for root \(\/bin\/sh: No such file/);
  });
});

describe('the container meanwhile', () => {
  test('frozen: refused at once, with the way out', async () => {
    await root.ok(['freeze', 'web']);
    const { exitCode, stderr } = await enter(root, 'web', ['--', 'true'], { timeout: 5_000 });
    await root.ok(['thaw', 'web']);
    expect(exitCode).toBe(125);
    expect(stderr).toBe('tsct: cannot run true in web: it is frozen\nHint: tsct thaw web\n');
  });

  test('killed: the command ends with 137, the console with 0', async () => {
    await root.ok(['create', 'short', '--template', 'busybox']);
    await root.ok(['start', 'short']);
    const child = enter(root, 'short', ['--', 'sh', '-c', 'echo up; exec sleep 1000']);
    await new Promise((up) => child.stdout?.once('data', up));
    const watching = execa('sh', ['-c', consoleLine('short')], {
      stdin: 'ignore',
      reject: false,
      timeout: 20_000,
    });
    await new Promise((up) => watching.stdout?.once('data', up));
    await root.ok(['stop', '--kill', 'short']);
    expect((await child).exitCode).toBe(137);
    const { exitCode, stdout } = await watching;
    expect(exitCode).toBe(0);
    expect(stdout).toContain('login:');
  });
});

function consoleLine(name: string): string {
  const log = root.layout.consoleLog(name);
  return `${programPath('tsct-exec')} console --socket ${root.layout.controlSocket(name)} --log ${log}.1 --log ${log}`;
}

test('console: shows what was said, takes what is typed, has the size, detaches', async () => {
  await root.ok(['create', 'typed', '--template', 'busybox']);
  await root.ok(['start', 'typed', '--wait']);
  const size = () => inside(root, 'typed', 'stty size < /dev/console');
  const { output, exitCode } = await onTerminal(consoleLine('typed'), [
    { after: 'login:', type: 'somebody\n' },
    { after: 'Password', type: DETACH },
  ]);
  expect(output).toContain('somebody');
  expect(output).toContain('detached');
  expect(exitCode).toBe(0);
  expect(await size()).toBe('33 99');
  const again = await onTerminal(
    `(sleep 0.7; stty rows 44 cols 111 -F /dev/tty; sleep 0.7; kill $(pgrep -n -f '${consoleLine('typed')}')) & ${consoleLine('typed')}; echo code=$?`,
  );
  expect(again.output).toContain('code=143');
  expect(await size()).toBe('44 111');
});

describe('the program of the host', () => {
  // CVE-2019-5736: a guest that has itself "executed" by /proc/self/exe gets hold of the host's binary. It may
  // run it; writing it must be denied by permission, and not only while it is busy.
  test('cannot be written from inside', async () => {
    const before = readFileSync(programPath('tsct-exec'));
    await inside(root, 'web', "printf '#!/proc/self/exe\\n' > /tmp/evil; chmod 755 /tmp/evil");
    // Its usage message goes to a pipe that is full, so it stays where the guest can look at it.
    const full = 'f=$(mktemp -u); mkfifo $f; exec 8<>$f; rm $f; head -c 65536 /dev/zero >&8';
    const child = execa('sh', ['-c', `${full}; ${line('-- /tmp/evil 2>&8')}`], { reject: false });
    const find =
      "ls -l /proc/[0-9]*/exe 2>/dev/null | sed -n 's,.*\\(/proc/[0-9]*\\)/exe -> .*tsct-exec.*,\\1,p'";
    await until('the host binary runs inside', async () => (await inside(root, 'web', find)) !== '');
    const process_ = await inside(root, 'web', find);
    const { stderr } = await enter(root, 'web', ['--', 'sh', '-c', `echo x >> ${process_}/exe`]);
    await inside(root, 'web', `kill -9 ${process_.replace('/proc/', '')}; rm /tmp/evil`);
    await child;
    expect(stderr).toMatch(/Permission denied/i);
    expect(readFileSync(programPath('tsct-exec')).equals(before)).toBe(true);
  });
});
