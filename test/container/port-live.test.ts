import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect } from 'vitest';
import { RUN_ROOT } from '../../src/base/paths.js';
import type { PublishedPort } from '../../src/lifecycle/port.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { SLOWNESS, until, useRoot } from '../support/temp-root.js';

// Each test leaves nothing on the machine, or useRoot says what.
const it = testNeeding(noRoot());
const root = useRoot();

const config = (name: string) => readFileSync(root.layout.configFile(name), 'utf8');
const ports = async (name: string) =>
  (await root.ok(['port', 'list', name, '--json'])).json<PublishedPort[]>();
const curl = (url: string) => execa('curl', ['-s', '-m', '5', url], { reject: false });
const isBound = (port: number, protocol = 'tcp') =>
  readFileSync(`/proc/net/${protocol}`, 'utf8').includes(
    `00000000:${port.toString(16).toUpperCase().padStart(4, '0')} `,
  );
const lockFile = (name: string) => join(RUN_ROOT, root.layout.key(name), 'ports.lock');
const holderOf = (name: string) => Number(readFileSync(lockFile(name), 'utf8'));

async function start(name: string, ...settings: string[]): Promise<void> {
  const set = settings.flatMap((setting) => ['--set', setting]);
  await root.ok(['create', name, '--template', 'busybox', ...set, '--start']);
  await root.sh(name, 'mkdir -p /www && echo hello >/www/index.html && httpd -h /www -p 80');
}

/** Elements of the network's maps, as the kernel has them. */
async function rules(): Promise<string> {
  const table = `tsct-tsct0-${root.layout.hash}`;
  return (await execa('nft', ['list', 'table', 'inet', table])).stdout.replace(/counter packets.*/g, '');
}

/** A connection through a published port to an `nc` inside that says back what it hears. */
async function talk(port: number) {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  const say = async (word: string) => {
    socket.write(`${word}\n`);
    const timeout = AbortSignal.timeout(5000 * SLOWNESS);
    const [heard] = await once(socket, 'data', { signal: timeout });
    return String(heard).trim();
  };
  return { say, end: () => socket.destroy() };
}

describe('port add and remove', () => {
  it('publish at once, and what goes on over another port goes on', async () => {
    await start('web', 'Network.eth0.Port=19300:7');
    await root.sh('web', 'nc -ll -p 7 -e cat </dev/null >/dev/null 2>&1 & sleep 0.2');
    const other = await talk(19300);
    expect(await other.say('one')).toBe('one');
    const holder = holderOf('web');

    await root.ok(['port', 'add', 'web', '19301:80', '127.0.0.1:19302:80', '19310-19312:80']);
    expect(config('web')).toContain('Port=19301:80\nPort=127.0.0.1:19302:80\nPort=19310-19312:80\n');
    for (const at of ['127.0.0.1:19301', '[::1]:19301', '127.0.0.1:19302', '127.0.0.1:19310'])
      expect((await curl(`http://${at}/`)).stdout, at).toBe('hello');
    expect(isBound(19312)).toBe(true);
    expect(await rules()).toMatch(/(tcp|6) \. 19312 : /);
    expect((await ports('web')).map(({ host, end, published }) => [host, end, published])).toEqual([
      [19300, 19300, true],
      [19301, 19301, true],
      [19302, 19302, true],
      [19310, 19312, true],
    ]);
    expect(await other.say('two')).toBe('two');

    await root.ok(['port', 'remove', 'web', '19301:80', '19310-19312:80']);
    expect(config('web')).not.toMatch(/19301|19310/);
    expect(isBound(19301) || isBound(19310) || isBound(19312)).toBe(false);
    expect(await rules()).not.toMatch(/193(01|1[0-2])/);
    expect((await curl('http://127.0.0.1:19302/')).stdout).toBe('hello');
    expect(await other.say('three')).toBe('three');
    expect(holderOf('web')).toBe(holder);

    // A port goes, what is connected by it stays; the place is taken by another one.
    await root.ok(['port', 'remove', 'web', '19300:7']);
    await root.ok(['port', 'add', 'web', '19303:80']);
    expect(await other.say('four')).toBe('four');
    expect((await curl('http://127.0.0.1:19303/')).stdout).toBe('hello');
    other.end();
  });

  it('need no change where the container is stopped, and the same comes of a restart', async () => {
    await root.ok(['create', 'web', '--template', 'busybox']);
    const added = await root.ok(['port', 'add', 'web', '19320:80', '--json']);
    expect(added.json()).toMatchObject({ running: false, pending: false });
    expect((await ports('web'))[0]).toMatchObject({ host: 19320, published: false, state: 'off' });
    await root.ok(['start', 'web']);
    await root.ok(['port', 'add', 'web', '19321-19322:80', '[::1]:19323:80/udp']);
    const live = await rules();
    await root.ok(['restart', '--kill', 'web']);
    expect(await rules()).toBe(live);
    expect(isBound(19321)).toBe(true);
    // Added twice is added once.
    await root.ok(['port', 'add', 'web', '19320:80']);
    expect(config('web').match(/19320/g)).toHaveLength(1);
  });

  it('carry datagrams, also where the container has another address by then', async () => {
    await start('echo', 'Network.eth0.Port=19330:7/udp');
    await root.ok(['port', 'add', 'echo', '19331:7/udp']);
    const program =
      "const s = require('dgram').createSocket('udp6'); s.on('message', (m, f) => s.send(m, f.port, f.address)); s.bind(7, '::', () => console.log('up'))";
    const target = ['-t', String((await root.info('echo')).pid), '-n'];
    const running = execa('nsenter', [...target, process.execPath, '-e', program], { reject: false });
    try {
      await once(running.stdout, 'data');
      const client = createSocket('udp4');
      const ask = async (port: number) => {
        client.send('word', port, '127.0.0.1');
        const [heard] = await once(client, 'message', { signal: AbortSignal.timeout(3000 * SLOWNESS) });
        return String(heard);
      };
      expect(await ask(19330)).toBe('word');
      expect(await ask(19331)).toBe('word');
      const [before = ''] = (await root.info('echo')).addresses;
      const other = before.replace(/\.\d+\//, (last) => (last === '.77/' ? '.78/' : '.77/'));
      await root.ok(['config', 'set', 'echo', `Network.eth0.Address=${other}`]);
      expect((await root.info('echo')).addresses[0]).toBe(other);
      expect(await ask(19330)).toBe('word');
      expect(await ask(19331)).toBe('word');
      client.close();
    } finally {
      running.kill('SIGKILL');
      await running;
    }
  });

  it('may put one port in the place of another', async () => {
    await start('web', 'Network.eth0.Port=19340:81');
    await root.ok(['config', 'set', 'web', 'Network.eth0.Port=127.0.0.1:19340:80']);
    expect(isBound(19340)).toBe(false);
    expect((await curl('http://127.0.0.1:19340/')).stdout).toBe('hello');
    await root.ok(['config', 'set', 'web', 'Network.eth0.Port=19340:80']);
    expect(isBound(19340)).toBe(true);
    expect((await curl('http://127.0.0.1:19340/')).stdout).toBe('hello');
  });

  it('two at once both count', async () => {
    await start('web');
    await Promise.all(['19350:80', '19351:80'].map((port) => root.ok(['port', 'add', 'web', port])));
    expect(isBound(19350) && isBound(19351)).toBe(true);
    expect((await ports('web')).map(({ host }) => host).sort()).toEqual([19350, 19351]);
  });
});

describe('what is refused', () => {
  it('a port that somebody has, with his name; nothing is changed then', async () => {
    await start('web', 'Network.eth0.Port=19360:80');
    await start('rival');
    const server = createServer().listen(0, '0.0.0.0');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const before = { rival: config('rival'), rules: await rules() };
    try {
      for (const [wanted, who] of [
        ['19360:80', 'web has published port 19360/tcp'],
        [`${port}:80`, `(pid ${process.pid}) has it`],
      ] as const) {
        const refused = await root.run(['port', 'add', 'rival', '19361:80', wanted]);
        expect(refused.exitCode, wanted).toBe(4);
        expect(refused.stderr).toContain(who);
      }
    } finally {
      server.close();
    }
    expect({ rival: config('rival'), rules: await rules() }).toEqual(before);
    expect(isBound(19361)).toBe(false);
    expect(readdirSync(root.layout.containerDir('rival')).sort()).toEqual(
      readdirSync(root.layout.containerDir('web')).sort(),
    );
    await root.ok(['port', 'add', 'rival', '19361:80']);
    expect((await curl('http://127.0.0.1:19361/')).stdout).toBe('hello');
  });

  it('one that is not there, not a port, and no interface for it', async () => {
    await root.ok(['create', 'web', '--template', 'busybox']);
    const code = async (...words: string[]) => (await root.run(['port', ...words])).exitCode;
    expect(await code('remove', 'web', '1:1')).toBe(3);
    expect(await code('add', 'web', 'http')).toBe(2);
    expect(await code('add', 'web', '19370:80', '--interface', 'eth7')).toBe(3);
    expect(await code('add', 'nobody', '19370:80')).toBe(3);
    await root.ok(['create', 'alone', '--template', 'busybox', '--set', 'Network.eth0.Bridge=br-none']);
    expect(await code('add', 'alone', '19370:80')).toBe(4);
  });
});

describe('bad luck', () => {
  const kill = async (name: string) => {
    // Ports are bound before its number is written; 0 would be this test and all of its own.
    await until('it has its number', () => holderOf(name) > 1);
    const holder = holderOf(name);
    process.kill(-holder, 'SIGKILL');
    await until('gone', () => !existsSync(`/proc/${holder}/fd/0`));
  };
  const log = (name: string) => readFileSync(join(RUN_ROOT, root.layout.key(name), 'supervisor.log'), 'utf8');

  it('a holder that is killed is there again at once, and later each time it is killed', async () => {
    await start('web', 'Network.eth0.Port=19380:80');
    await root.ok(['port', 'add', 'web', '19381:80']);
    const waits: number[] = [];
    for (let round = 0; round < 4; round++) {
      const began = Date.now();
      await kill('web');
      await until('bound', () => isBound(19380) && isBound(19381));
      waits.push(Date.now() - began);
    }
    for (const port of [19380, 19381]) expect((await curl(`http://127.0.0.1:${port}/`)).stdout).toBe('hello');
    expect(waits[0]).toBeLessThan(1500 * SLOWNESS);
    expect(waits[3]).toBeGreaterThan(800);
    expect(log('web').match(/tries again in \d+/g)).toEqual(
      [100, 200, 400, 800].map((delay) => `tries again in ${delay}`),
    );
    // One that is to come again is told of other ports at once, or started with them.
    await kill('web');
    const said = (await ports('web')).map(({ state, published }) => [state, published]);
    // An emulated machine takes longer to ask than the holder to come again.
    if (SLOWNESS === 1) expect(said).toEqual(Array(2).fill(['unbound', false]));
    await root.ok(['port', 'remove', 'web', '19381:80']);
    await root.ok(['port', 'add', 'web', '19382:80']);
    expect(isBound(19380) && isBound(19382)).toBe(true);
    expect(isBound(19381)).toBe(false);
    // An end in between leaves nothing, nor does one right after it came again.
    await kill('web');
    await root.ok(['stop', '--kill', 'web']);
    expect(isBound(19380)).toBe(false);
    await root.ok(['start', 'web']);
    await kill('web');
    await until('bound', () => isBound(19380));
    const holder = holderOf('web');
    await root.ok(['stop', '--kill', 'web']);
    expect(existsSync(`/proc/${holder}/fd/0`) || isBound(19380)).toBe(false);
  });

  it('a port that somebody has taken meanwhile is said, the others are there, and it comes when it is free', async () => {
    await start('web', 'Network.eth0.Port=19390:80', 'Network.eth0.Port=19391:80');
    const holder = holderOf('web');
    const thief = createServer();
    // It may have to wait for the kernel to let go of the port.
    const steal = () =>
      new Promise<boolean>((resolve) => {
        thief.once('error', () => resolve(false));
        thief.listen(19390, '0.0.0.0', () => resolve(true));
      });
    process.kill(-holder, 'SIGKILL');
    await until('taken', steal);
    try {
      await until('bound', () => isBound(19391) && holderOf('web') !== holder);
      expect((await curl('http://127.0.0.1:19391/')).stdout).toBe('hello');
      await until('said', () => log('web').includes(`(pid ${process.pid}) has it`));
      // It has its IPv6 half.
      expect((await ports('web')).map(({ state }) => state)).toEqual(['partly', 'bound']);
      expect((await root.ok(['port', 'list', 'web'])).stdout).toMatch(/19390.*in part\n.*19391.*yes/);
    } finally {
      thief.close();
    }
    await until('bound', () => isBound(19390));
    expect((await curl('http://127.0.0.1:19390/')).stdout).toBe('hello');
    expect((await ports('web')).map(({ state }) => state)).toEqual(['bound', 'bound']);
  });
});
