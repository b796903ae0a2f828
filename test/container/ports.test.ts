import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect } from 'vitest';
import { RUN_ROOT } from '../../src/base/paths.js';
import { outsideHost } from '../support/outside-host.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

// Each test leaves nothing on the machine, or useRoot says what.
const it = testNeeding(noRoot());
const root = useRoot();

/** A container that publishes these. */
async function publish(name: string, ...ports: string[]): Promise<void> {
  const settings = ports.flatMap((port) => ['--set', `Network.eth0.Port=${port}`]);
  await root.ok(['create', name, '--template', 'busybox', ...settings]);
}

/** A web server inside, with this file in its root. */
const serve = (name: string, port: number, file = 'echo hello') =>
  root.sh(name, `mkdir -p /www && ${file} >/www/index.html && httpd -h /www -p ${port}`);

const curl = (url: string, ...more: string[]) =>
  execa('curl', ['-s', '-m', '20', ...more, url], { reject: false });

/** TCP sockets that listen, as `ss -ltn` would tell: `00000000:4A38` for 0.0.0.0:19000. */
const listening = (file: 'tcp' | 'tcp6') =>
  readFileSync(`/proc/net/${file}`, 'utf8')
    .split('\n')
    .filter((line) => line.split(/\s+/)[4] === '0A')
    .map((line) => line.split(/\s+/)[2] ?? '');

const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0');
const isBound = (port: number) => listening('tcp').includes(`00000000:${hex(port)}`);

const lockFile = (name: string) => join(RUN_ROOT, root.layout.key(name), 'ports.lock');
const holderOf = (name: string) => Number(readFileSync(lockFile(name), 'utf8'));

const isGone = (pid: number) => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2] === 'Z';
  } catch {
    return true; // before the file was opened, or read
  }
};

/** All that comes after `request` was sent and this side has no more to say. */
async function ask(port: number, request: string, host = '127.0.0.1'): Promise<Buffer> {
  const socket: Socket = connect({ port, host, allowHalfOpen: true });
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  socket.end(request);
  await once(socket, 'end');
  return Buffer.concat(parts);
}

/** A program of Node's in the container's network and nowhere else, once it has said `up`; ends with `work`. */
async function withProgram(name: string, program: string, work: () => Promise<void>): Promise<void> {
  const target = ['-t', String((await root.info(name)).pid), '-n'];
  const running = execa('nsenter', [...target, process.execPath, '-e', program], { reject: false });
  try {
    await once(running.stdout, 'data');
    await work();
  } finally {
    running.kill('SIGKILL');
    await running;
  }
}

/** The answer to a datagram, or undefined after two seconds. */
async function echoed(
  type: 'udp4' | 'udp6',
  port: number,
  host: string,
  word: string,
): Promise<string | undefined> {
  const socket = createSocket(type);
  try {
    const answer = new Promise<string | undefined>((resolve) => {
      socket.on('message', (data, from) => resolve(`${data} from ${from.address}`));
      setTimeout(() => resolve(undefined), 2000);
    });
    socket.send(word, port, host);
    return await answer;
  } finally {
    socket.close();
  }
}

/** Plays what is outside: it is 203.0.113.2, the host .1. */
const outside = () => outsideHost('ports-test', '203.0.113', '2001:db8:78');

describe('a published port', () => {
  it('is bound on the host for the run, and answers at localhost', async () => {
    await publish('site', '19000:80', '19001-19003:80', '127.0.0.1:19010:81');
    await root.ok(['start', 'site']);
    await serve('site', 80);
    await root.sh('site', 'httpd -h /www -p 81 && httpd -h /www -p 82');
    for (const url of [
      '127.0.0.1:19000',
      '[::1]:19000',
      '127.0.0.2:19000',
      '127.0.0.1:19001',
      '127.0.0.1:19003',
      '127.0.0.1:19010',
    ]) {
      expect((await curl(`http://${url}/`)).stdout, url).toBe('hello');
    }
    expect(listening('tcp')).toContain(`00000000:${hex(19000)}`);
    expect(listening('tcp6')).toContain(`${'0'.repeat(32)}:${hex(19000)}`);
    expect(listening('tcp')).toContain(`0100007F:${hex(19010)}`);
    const status = readFileSync(`/proc/${holderOf('site')}/status`, 'utf8');
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect(status).not.toMatch(/^Uid:\t0\t/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    const dirty = readFileSync(`/proc/${(await root.info('site')).supervisorPid}/cgroup`, 'utf8');
    expect(
      readFileSync(`/proc/${holderOf('site')}/cgroup`, 'utf8')
        .split('\n')
        .at(-2),
    ).toBe(dirty.split('\n').at(-2));

    // A reboot from inside: another holder, the same ports.
    const first = holderOf('site');
    await root.run(['exec', 'site', '-T', '--', 'reboot']);
    await until('rebooted', async () => (await root.info('site')).boots === 2);
    await root.ok(['wait', 'site', '--for', 'address', '--timeout', '30']);
    await until('holder', () => existsSync(lockFile('site')) && holderOf('site') !== first);
    await serve('site', 80);
    expect((await curl('http://127.0.0.1:19000/')).stdout).toBe('hello');

    const second = holderOf('site');
    await root.ok(['stop', '--kill', 'site']);
    expect(isGone(second)).toBe(true);
    expect(isBound(19000)).toBe(false);
    expect((await curl('http://127.0.0.1:19000/')).exitCode).toBe(7);
  });

  it('carries datagrams there and back, each client its own', async () => {
    await publish('echo', '19020:7/udp');
    await root.ok(['start', 'echo']);
    const program =
      "const s = require('dgram').createSocket('udp6'); s.on('message', (m, f) => s.send(m, f.port, f.address)); s.bind(7, '::', () => console.log('up'))";
    await withProgram('echo', program, async () => {
      expect(await echoed('udp4', 19020, '127.0.0.2', 'one')).toBe('one from 127.0.0.2');
      expect(await echoed('udp6', 19020, '::1', 'two')).toBe('two from ::1');
      const words = Array.from({ length: 40 }, (_, i) => `number ${i}`);
      const answers = await Promise.all(words.map((word) => echoed('udp4', 19020, '127.0.0.1', word)));
      expect(answers).toEqual(words.map((word) => `${word} from 127.0.0.1`));
      const large = 'x'.repeat(20_000);
      expect(await echoed('udp4', 19020, '127.0.0.1', large)).toBe(`${large} from 127.0.0.1`);
    });
  });

  it('takes two hundred at once, and an answer that is longer than all buffers after a half-close', async () => {
    await publish('busy', '19030:80', '19031:81');
    await root.ok(['start', 'busy']);
    // Nobody has an answer before all have asked, and have no more to say.
    const program = `const held = []; require('net').createServer({ allowHalfOpen: true, backlog: 400 }, (s) => {
      let text = ''; s.on('data', (d) => { text += d; }); s.on('end', () => {
        if (held.push([s, text]) === 200) for (const [t, x] of held) t.end('you said ' + x);
      }); }).listen(80, '::', () => console.log('up'))`;
    await withProgram('busy', program, async () => {
      const words = Array.from({ length: 200 }, (_, i) => `number ${i}`);
      const answers = await Promise.all(
        words.map((word, i) => ask(19030, word, i % 2 ? '::1' : '127.0.0.1')),
      );
      expect(answers.map(String)).toEqual(words.map((word) => `you said ${word}`));
    });

    // It answers only once it has seen the end of what is asked.
    const script = 'n=$(wc -c); head -c 5000000 /dev/zero | tr "\\000" x; echo $n';
    await root.sh('busy', `printf '%s\\n' '#!/bin/sh' '${script}' >/answer; chmod +x /answer`);
    await root.sh('busy', 'nc -ll -p 81 -e /answer </dev/null >/dev/null 2>&1 & sleep 0.2');
    const long = (await ask(19031, 'y'.repeat(3_000_000))).toString();
    expect(long.length).toBe(5_000_008);
    expect(long.slice(-10)).toBe('xx3000000\n');
    expect(/^x{5000000}3000000\n$/.test(long)).toBe(true);
  });

  it('costs no time while nothing happens, and what nobody reads waits', async () => {
    await publish('slow', '19040:81');
    await root.ok(['start', 'slow']);
    await root.sh('slow', 'nc -ll -p 81 -e yes </dev/null >/dev/null 2>&1 & sleep 0.2');
    const socket = connect({ port: 19040, host: '127.0.0.1' });
    await once(socket, 'connect');
    socket.pause();
    const ticks = () =>
      readFileSync(`/proc/${holderOf('slow')}/stat`, 'utf8')
        .split(' ')
        .slice(13, 15)
        .map(Number);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const before = ticks();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(ticks()).toEqual(before);
    const rss = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${holderOf('slow')}/status`, 'utf8'));
    expect(Number(rss?.[1])).toBeLessThan(200);
    socket.destroy();
  });
});

describe('what comes from outside', () => {
  it('is not relayed, and does not get to 127/8 even where the kernel lets it in', async () => {
    await publish('inner', '127.0.0.1:19100:80', '19101:80');
    await root.ok(['start', 'inner']);
    await serve('inner', 80);
    const bridge = `tsct0-${root.layout.hash}`;
    const other = await outside();
    const from = async (url: string) => (await other.run('curl', '-s', '-m', '2', url)).stdout;
    const local = '/proc/sys/net/ipv4/conf/ports-test/route_localnet';
    try {
      expect(await from('http://203.0.113.1:19101/')).toBe('hello');
      expect(await from('http://203.0.113.1:19100/')).toBe('');
      writeFileSync(local, '1');
      await other.run('sh', '-c', 'echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet');
      await other.run('ip', 'addr', 'del', '127.0.0.1/8', 'dev', 'lo');
      await other.run('ip', 'route', 'add', '127.0.0.1', 'via', '203.0.113.1', 'src', '203.0.113.2');
      expect((await other.run('ip', 'route', 'get', '127.0.0.1')).stdout).toContain('via 203.0.113.1');
      expect(await from('http://127.0.0.1:19100/')).toBe('');
      expect(await from('http://127.0.0.1:19101/')).toBe('');

      // Without the rule it would be the holder's to answer: to the host itself, to nobody else.
      const element = `element inet tsct-${bridge} port4 { tcp . 19101 }`;
      await execa('nft', [`delete ${element}`]);
      expect(await from('http://203.0.113.1:19101/')).toBe('');
      expect((await curl('http://203.0.113.1:19101/')).stdout).toBe('hello');
    } finally {
      await other.dispose();
    }
  });
});

describe('a port that somebody has', () => {
  it('is refused with the name of the process, and nothing is left', async () => {
    const server = createServer().listen(0, '0.0.0.0');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      await publish('late', '19050:80', `${port}:80`);
      const refused = await root.run(['start', 'late']);
      expect(refused.exitCode).toBe(4);
      expect(refused.stderr).toContain(`bind port tcp 0.0.0.0:${port}`);
      expect(refused.stderr).toContain(`(pid ${process.pid}) has it`);
      expect(isBound(19050)).toBe(false);
      expect(existsSync(lockFile('late'))).toBe(false);
    } finally {
      server.close();
    }
    await root.ok(['start', 'late']);
    expect(isBound(port)).toBe(true);
    await publish('rival', `${port}:80`);
    expect((await root.run(['start', 'rival'])).stderr).toContain(`late has published port ${port}/tcp`);
    // The host's daemon is the one that comes too late now.
    const second = createServer().listen(port, '127.0.0.1');
    const [error] = (await once(second, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('EADDRINUSE');
  });

  it('may be one that the host has no address for', async () => {
    await publish('away', '203.0.113.9:19060:80');
    const refused = await root.run(['start', 'away']);
    expect(refused.exitCode).toBe(5);
    expect(refused.stderr).toContain('bind port tcp 203.0.113.9:19060');
    expect(refused.stderr).toContain('this host does not have the address');
  });
});

describe('bad luck', () => {
  it('a supervisor that is killed takes the holder with it at once', async () => {
    await publish('crash', '19080:80');
    await root.ok(['start', 'crash']);
    const holder = holderOf('crash');
    process.kill((await root.info('crash')).supervisorPid as number, 'SIGKILL');
    await until('gone', () => isGone(holder) && !isBound(19080));
    await root.ok(['list']);
    await root.ok(['start', 'crash']);
    expect(isBound(19080)).toBe(true);
  });

  it('a start that is killed in the middle leaves no port', async () => {
    await publish('victim', '19090-19099:80');
    for (let round = 0; round < 8; round++) {
      const starting = root.run(['start', 'victim']);
      await until('bound', () => isBound(19090));
      const key = root.layout.key('victim');
      const supervisor = readdirSync('/proc').find((pid) => {
        if (!/^\d+$/.test(pid) || !existsSync(`/proc/${pid}/cmdline`)) return false;
        return (
          readFileSync(`/proc/${pid}/comm`, 'utf8') === 'tsct-supervisor\n' &&
          readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[1] === key
        );
      });
      if (supervisor) process.kill(Number(supervisor), 'SIGKILL');
      await starting;
      await root.run(['stop', '--kill', 'victim']);
      await root.ok(['list']);
      expect(isBound(19090), `round ${round}`).toBe(false);
    }
  });
});
