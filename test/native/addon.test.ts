import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addon, isSyscallErrno } from '../../src/supervisor/addon.js';

const ADDON = fileURLToPath(new URL('../../native/build/tsct.node', import.meta.url));

let dir: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsct-addon-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(dir, { recursive: true });
});

/** A Node process that has the add-on as `a` and runs some lines. */
function node(code: string): ChildProcess {
  const child = spawn(process.execPath, ['-e', `const a = require(${JSON.stringify(ADDON)});${code}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
}

async function output(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (chunk) => {
    text += chunk;
  });
  await once(child, 'close');
  return text;
}

describe('sealedMemfd', () => {
  it('holds the bytes from offset 0, and takes no write and no other size', () => {
    const fd = addon().sealedMemfd('plan', Buffer.from('{"a":1}'));
    try {
      expect(readFileSync(fd, 'utf8')).toBe('{"a":1}');
      expect(() => writeSync(fd, 'x', 0)).toThrow(/EPERM/);
      expect(() => ftruncateSync(fd, 0)).toThrow(/EPERM/);
      expect(() => ftruncateSync(fd, 100)).toThrow(/EPERM/);
      expect(() => writeFileSync(`/proc/self/fd/${fd}`, 'x')).toThrow(/EPERM/);
    } finally {
      closeSync(fd);
    }
  });

  it('takes megabytes, and nothing at all', () => {
    for (const size of [0, 5_000_001]) {
      const fd = addon().sealedMemfd('big', new Uint8Array(size).fill(7));
      expect(fstatSync(fd).size).toBe(size);
      closeSync(fd);
    }
  });
});

describe('flockFile', () => {
  const exclusive = { exclusive: true, wait: false } as const;
  const shared = { exclusive: false, wait: false } as const;

  it('lets one holder in, or many that only share', () => {
    const file = join(dir, 'lock');
    const [a, b] = [openSync(file, 'a'), openSync(file, 'a')];
    expect(addon().flockFile(a, exclusive)).toBe(true);
    expect(addon().flockFile(b, exclusive)).toBe(false);
    expect(addon().flockFile(b, shared)).toBe(false);
    closeSync(a);
    expect(addon().flockFile(b, shared)).toBe(true);
    const c = openSync(file, 'a');
    expect(addon().flockFile(c, shared)).toBe(true);
    closeSync(b);
    closeSync(c);
  });

  it('is released by the kernel when its holder is killed', async () => {
    const file = join(dir, 'lock');
    const holder = node(
      `a.flock(require('fs').openSync(${JSON.stringify(file)}, 'a'), true); console.log('held'); setTimeout(() => {}, 60000)`,
    );
    await once(holder.stdout as NodeJS.ReadableStream, 'data');
    const fd = openSync(file, 'a');
    expect(addon().flockFile(fd, exclusive)).toBe(false);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    expect(addon().flockFile(fd, exclusive)).toBe(true);
    closeSync(fd);
  });

  it('says which call failed on what', () => {
    expect(() => addon().flockFile(99999, exclusive)).toThrowError(
      expect.objectContaining({ code: 'TSCT_SYSCALL', message: 'cannot lock fd 99999: flock: EBADF' }),
    );
  });
});

describe('execProgram', () => {
  it('becomes the program: same pid, one thread, blocking fds, no ignored or blocked signal, only this environment', async () => {
    const script = `
      echo pid $$
      grep -E '^(Threads|SigBlk|SigIgn):' /proc/self/status
      for fd in 0 1 2; do grep flags /proc/self/fdinfo/$fd; done
      ls /proc/$$/fd
      env`;
    // Reading stdin as a stream is what makes Node set O_NONBLOCK on it.
    const child = node(`
      process.stdin.resume(); process.stdin.pause();
      setImmediate(() => a.execProgram('/bin/sh', ['my-sh', '-c', ${JSON.stringify(script)}], ['PATH=/bin:/usr/bin', 'A=b=c']))`);
    const lines = (await output(child)).trimEnd().split('\n');
    expect(lines[0]).toBe(`pid ${child.pid}`);
    expect(lines.slice(1, 4)).toEqual([
      'Threads:\t1',
      'SigBlk:\t0000000000000000',
      'SigIgn:\t0000000000000000',
    ]);
    for (const line of lines.slice(4, 7)) {
      const flags = Number.parseInt(line.split('\t')[1] ?? '', 8);
      expect(flags & (constants.O_NONBLOCK | 0o2000000)).toBe(0);
    }
    expect(lines.slice(7, 10)).toEqual(['0', '1', '2']);
    expect(
      lines
        .slice(10)
        .filter((line) => !/^(PWD|SHLVL|_)=/.test(line))
        .sort(),
    ).toEqual(['A=b=c', 'PATH=/bin:/usr/bin']);
  });

  it('throws and leaves Node working when there is no such program', async () => {
    const child = node(`
      const ignored = () => /SigIgn:\\s*(\\S+)/.exec(require('fs').readFileSync('/proc/self/status'))[1];
      const before = ignored();
      try { a.execProgram('/nowhere/x', ['x'], []) } catch (e) { console.log(e.call, e.errno, e.target) }
      console.log(ignored() === before && before !== '0000000000000000')
      setTimeout(() => console.log('alive'), 1)`);
    expect(await output(child)).toBe('execve 2 /nowhere/x\ntrue\nalive\n');
  });

  it('refuses a NUL byte instead of cutting the argument there', () => {
    expect(() => addon().execProgram('/bin/true', ['a\0b'], [])).toThrowError(/NUL byte/);
  });
});

describe('openat2InRoot', () => {
  it('keeps absolute and climbing symlinks inside the root', () => {
    mkdirSync(join(dir, 'etc'));
    writeFileSync(join(dir, 'etc/passwd'), 'inside');
    symlinkSync('/etc/passwd', join(dir, 'absolute'));
    symlinkSync('../../../../../../etc/passwd', join(dir, 'climbing'));
    symlinkSync('/etc/hostname', join(dir, 'dangling'));
    const root = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      for (const path of ['/etc/passwd', 'absolute', 'climbing', '/../../etc/passwd']) {
        const fd = addon().openat2InRoot(root, path, constants.O_RDONLY);
        expect(readFileSync(fd, 'utf8')).toBe('inside');
        closeSync(fd);
      }
      expect(() => addon().openat2InRoot(root, 'dangling', constants.O_RDONLY)).toThrowError(
        /openat2: ENOENT/,
      );
    } finally {
      closeSync(root);
    }
  });
});

describe('pidfd', () => {
  it('signals the process it was opened on, and knows when that is gone', async () => {
    const child = spawn('sleep', ['60']);
    children.push(child);
    const fd = addon().pidfdOpen(child.pid as number);
    addon().pidfdSendSignal(fd, 0);
    addon().pidfdSendSignal(fd, 15);
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
    const gone = () => addon().pidfdSendSignal(fd, 0);
    expect(gone).toThrowError(expect.objectContaining({ code: 'TSCT_SYSCALL' }));
    try {
      gone();
    } catch (error) {
      expect(isSyscallErrno(error, 'ESRCH')).toBe(true);
      expect(isSyscallErrno(error, 'EPERM')).toBe(false);
    }
    closeSync(fd);
  });
});

describe('readFiles', () => {
  it('has each text at the place of its path, and null for what cannot be read', () => {
    const paths = Array.from({ length: 1000 }, (_, i) => join(dir, `f${i}`));
    for (const [i, path] of paths.entries()) if (i % 7 !== 3) writeFileSync(path, `${i}`.repeat(1 + i * 20));
    const texts = addon().readFiles([...paths, dir]);
    expect(texts).toEqual([...paths.map((_, i) => (i % 7 === 3 ? null : `${i}`.repeat(1 + i * 20))), null]);
    expect(addon().readFiles([])).toEqual([]);
  });
});

describe('askAll', () => {
  it('has all that each says; nothing of who is dead, absent or silent, and waits no longer than it may', async () => {
    const socket = (name: string) => join(dir, name);
    const child = node(`
      const listen = (name, answer) => require('net').createServer({ allowHalfOpen: true }, (to) =>
        to.once('data', (line) => answer(to, name + ' heard ' + line))).listen('${dir}/' + name);
      for (let i = 0; i < 300; i++) listen('s' + i, (to, text) => to.end(text.repeat(1 + i)));
      listen('silent', (to, text) => to.write(text)).on('listening', () => console.log('up'));`);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    const names = Array.from({ length: 300 }, (_, i) => `s${i}`);
    writeFileSync(socket('dead'), '');
    const before = performance.now();
    const all = addon().askAll(['dead', 'none', ...names, 'silent'].map(socket), 'word\n', 2000);
    expect(all).toEqual(['', '', ...names.map((name, i) => `${name} heard word\n`.repeat(1 + i)), '']);
    expect(performance.now() - before).toBeGreaterThan(1900);
    expect(performance.now() - before).toBeLessThan(4000);
  });
});
