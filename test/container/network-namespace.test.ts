import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { ChangeResult } from '../../src/lifecycle/change-config.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { useRoot } from '../support/temp-root.js';

const it = testNeeding(noRoot());
const root = useRoot();

const create = (name: string, namespace: string, ...more: string[]) =>
  root.ok(['create', name, '--template', 'busybox', '--set', `Network.Namespace=${namespace}`, ...more]);
const inside = async (name: string, ...words: string[]) =>
  (await root.run(['exec', name, '-T', '--', ...words])).exitCode;
const linksOf = async (name: string) => (await root.sh(name, 'ls /sys/class/net')).split('\n').sort();

describe("Namespace=host, the host's network", () => {
  beforeAll(() => create('guest', 'host', '--start'));

  it('shows the links and addresses of the host, and its name servers', async () => {
    expect(await root.sh('guest', 'readlink /proc/self/ns/net')).toBe(
      (await execa('readlink', ['/proc/self/ns/net'])).stdout,
    );
    expect(await linksOf('guest')).toContain('lo');
    expect(await linksOf('guest')).toEqual((await execa('ls', ['/sys/class/net'])).stdout.split('\n').sort());
    expect(await root.sh('guest', 'cat /etc/resolv.conf')).toBe(
      readFileSync('/etc/resolv.conf', 'utf8').trimEnd(),
    );
    const links = (await root.info('guest')).network;
    expect(links.every(({ kind, hostName }) => kind === null && hostName === null)).toBe(true);
  });

  it('gives root inside no power over it', async () => {
    await execa('ip', ['link', 'add', 'hostns-test', 'type', 'bridge']);
    try {
      for (const words of [
        'ip link set hostns-test up',
        'ip link set hostns-test mtu 1300',
        'ip link delete hostns-test',
        'ip link add mine type bridge',
        'ip addr add 192.0.2.77/32 dev lo',
        'ip route add 192.0.2.78 dev lo',
        'ip link set lo down',
      ]) {
        expect(await inside('guest', ...words.split(' ')), words).not.toBe(0);
      }
      const write = 'echo 1 >/proc/sys/net/ipv4/conf/hostns-test/forwarding || echo 0 >/sys/class/net/lo/mtu';
      expect(await inside('guest', 'sh', '-c', write)).not.toBe(0);
      // Not by busybox' timeout: its watcher outlives what it watched.
      const listens = 'nc -l -p 81 & sleep 1; kill $! 2>/dev/null && exit 0; wait $!';
      expect(await inside('guest', 'sh', '-c', listens), 'a port below 1024').toBe(1);
      expect((await execa('ip', ['-o', 'link', 'show', 'hostns-test'])).stdout).toContain('state DOWN');
    } finally {
      await execa('ip', ['link', 'delete', 'hostns-test']);
    }
    // The guard is that the namespace is another user namespace's: in its own the same root may do it.
    await root.ok(['create', 'own', '--template', 'busybox', '--set', 'Network.Private=yes', '--start']);
    expect(await inside('own', 'ip', 'link', 'add', 'mine', 'type', 'bridge')).toBe(0);
  });
});

describe('a change of a running container', () => {
  it('is told to be pending, with the reason', async () => {
    await create('box', 'host', '--start');
    const set = (...settings: string[]) => root.ok(['config', 'set', 'box', ...settings]);
    const netns = () => root.sh('box', 'readlink /proc/self/ns/net');
    const before = await netns();
    const changed = await set('Network.Namespace=own');
    expect(changed.stderr).toContain(
      'box: Network.Namespace pending: what runs cannot be moved into another network; it counts from its next start',
    );
    expect(await netns()).toBe(before);
    expect((await root.info('box')).pending).toEqual(['Network.Namespace']);
    // Nor is anything else of its network then changed on its own.
    const also = await root.ok(['config', 'set', 'box', '--json', 'Network.Private=yes']);
    expect(also.json<ChangeResult>().keys).toEqual([
      {
        key: 'Network.Private',
        state: 'pending',
        reason: 'what runs is in the network of another, or is to be: Network.Namespace',
      },
    ]);
    await root.ok(['restart', 'box']);
    expect(await netns()).not.toBe(before);
    expect(await linksOf('box')).toEqual(['lo']);
    expect((await root.info('box')).pending).toEqual([]);
  });
});

describe('Namespace=container:NAME', () => {
  it('is that of a container that runs, also after both are started again', async () => {
    await root.ok(['create', 'web', '--template', 'busybox']);
    await create('side', 'container:web');
    const early = await root.run(['start', 'side']);
    expect(early.exitCode).toBe(4);
    expect(early.stderr).toContain(
      'cannot start side: it is to be in the network of web, which does not run',
    );
    await root.ok(['start', 'web']);
    await root.ok(['start', 'side']);
    for (let round = 0; round < 2; round++) {
      const netns = await root.sh('web', 'readlink /proc/self/ns/net');
      expect(await root.sh('side', 'readlink /proc/self/ns/net')).toBe(netns);
      expect(await linksOf('side')).toEqual(await linksOf('web'));
      expect(await linksOf('side')).toContain('eth0');
      const { addresses } = await root.info('web');
      expect((await root.info('side')).addresses).toEqual(addresses);
      expect(await root.sh('side', 'cat /etc/resolv.conf')).toBe(
        await root.sh('web', 'cat /etc/resolv.conf'),
      );
      await root.sh('web', 'mkdir -p /www; echo hello >/www/index.html; httpd -p 127.0.0.1:80 -h /www');
      expect(await root.sh('side', 'wget -q -O - http://127.0.0.1/')).toBe('hello');
      expect(await inside('side', 'ip', 'link', 'set', 'eth0', 'down')).not.toBe(0);
      await root.ok(['restart', 'web', '--kill']);
      await root.ok(['restart', 'side', '--kill']);
    }
    expect(await root.sh('side', 'readlink /proc/self/ns/uts')).not.toBe(
      await root.sh('web', 'readlink /proc/self/ns/uts'),
    );
    await create('self', 'container:self');
    expect((await root.run(['start', 'self'])).stderr).toMatch(
      /config:\d+: Namespace=: self cannot be in its own/,
    );
    await create('orphan', 'container:nobody');
    expect((await root.run(['start', 'orphan'])).exitCode).toBe(3);
  });
});

describe('Namespace=NAME, PATH', () => {
  const NAME = 'kinds-named';
  beforeAll(async () => {
    await execa('ip', ['netns', 'add', NAME]);
    await execa('ip', ['-n', NAME, 'link', 'add', 'inner0', 'type', 'bridge']);
    mkdirSync(`/etc/netns/${NAME}`, { recursive: true });
    writeFileSync(`/etc/netns/${NAME}/resolv.conf`, 'nameserver 192.0.2.9\n');
  });
  afterAll(async () => {
    rmSync(`/etc/netns/${NAME}`, { recursive: true });
    await execa('ip', ['netns', 'delete', NAME]);
  });

  it('is one of ip netns, or of any path', async () => {
    for (const namespace of [NAME, `/run/netns/${NAME}`]) {
      await create('named', namespace, '--start');
      expect(await linksOf('named')).toContain('inner0');
      const resolv = await root.sh('named', 'cat /etc/resolv.conf');
      expect(resolv.includes('nameserver 192.0.2.9'), namespace).toBe(namespace === NAME);
      await root.ok(['restart', 'named', '--kill']);
      await root.ok(['destroy', '--force', 'named']);
    }
  });

  it('says what is wrong with it', async () => {
    await create('lost', 'no-such-netns');
    const lost = await root.run(['start', 'lost']);
    expect(lost.exitCode).toBe(4);
    expect(lost.stderr).toContain('join network namespace /run/netns/no-such-netns');
    await create('file', '/etc/hostname');
    const file = await root.run(['start', 'file']);
    expect(file.exitCode).toBe(4);
    expect(file.stderr).toContain('it is no namespace');
    const both = await root.run([
      'create',
      'both',
      '--template',
      'busybox',
      '--set',
      'Network.Namespace=host',
      '--set',
      'Network.eth0.Network=tsct0',
    ]);
    expect(both.exitCode).toBe(1);
    expect(both.stderr).toMatch(/Namespace=: the network is host, and there is \[Network eth0\]/);
  });
});
