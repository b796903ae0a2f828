import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { beforeAll, describe, expect } from 'vitest';
import type { NetworkInfo } from '../../src/lifecycle/network-manage.js';
import { outsideHost } from '../support/outside-host.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

const it = testNeeding(noRoot());
const root = useRoot();

const network = async (name = 'tsct0') =>
  (await root.ok(['network', 'info', name, '--json'])).json<NetworkInfo>();
const create = (name: string, ...more: string[]) =>
  root.ok(['create', name, '--template', 'busybox', ...more]);
const nft = (script: string) => execa('nft', [script]);

/** Without prefix length. */
async function addressesOf(name: string): Promise<{ ipv4: string; ipv6: string; mac: string }> {
  const [eth0] = (await root.info(name)).network;
  const [ipv4 = '', ipv6 = ''] = (eth0?.reserved ?? []).map((text) => text.split('/')[0] ?? '');
  return { ipv4, ipv6, mac: eth0?.mac ?? '' };
}

const pings = async (from: string, ...words: string[]) =>
  (await root.run(['exec', from, '-T', '--', 'ping', '-c', '1', '-W', '2', ...words])).exitCode === 0;

/** After a time in which nobody did: who asked in vain for a MAC address asks again only after some seconds. */
const answers = (from: string, to: string) => until(`${from} reaches ${to}`, () => pings(from, to));

const gateway = (subnet: string) => subnet.replace(/0\/\d+$/, '1');

function dnsmasqOf(bridge: string): number[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return words[0]?.endsWith('dnsmasq') && words.includes(`--interface=${bridge}`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

describe('the default network', () => {
  beforeAll(async () => {
    await create('web', '--start');
    await create('db', '--start');
  });

  it('is in the config of a new container, and in no other', async () => {
    expect(readFileSync(root.layout.configFile('web'), 'utf8')).toContain('[Network eth0]\nNetwork=tsct0\n');
    await create('alone', '--set', 'Network.Private=yes', '--start');
    expect(await root.sh('alone', 'ls /sys/class/net')).toBe('lo');
    expect((await root.info('alone')).addresses).toEqual([]);
  });

  it('is up with its addresses and routes when init begins', async () => {
    const script =
      'ip addr show eth0 >/at-start; ip route >>/at-start; ip -6 route >>/at-start; exec /sbin/init';
    await create('early', '--set', 'Exec.Init=/bin/sh', '--set', `Exec.Parameters=-c "${script}"`, '--start');
    const seen = await root.sh('early', 'cat /at-start');
    const { ipv4, ipv6, mac } = await addressesOf('early');
    const { ipv4: subnet } = await network();
    expect(seen).toContain(`inet ${ipv4}/24`);
    expect(seen).toContain(`inet6 ${ipv6}/64`);
    expect(seen).toContain(`link/ether ${mac}`);
    expect(seen).toContain(`default via ${gateway(subnet)} dev eth0`);
    expect(seen).toMatch(/^default via fd.*::1 dev eth0/m);
    expect(seen).not.toContain('tentative');
  });

  it('reaches host and siblings by IPv4 and IPv6', async () => {
    const { ipv4, ipv6 } = await network();
    const db = await addressesOf('db');
    for (const to of [gateway(ipv4), ipv6.replace('/64', '1'), db.ipv4, db.ipv6]) {
      expect(await pings('web', to), to).toBe(true);
    }
  });

  it('knows siblings by name, and asks its own server', async () => {
    const db = await addressesOf('db');
    expect(await root.sh('web', 'cat /etc/resolv.conf')).toContain(
      `nameserver ${gateway((await network()).ipv4)}`,
    );
    for (const name of ['db', 'db.tsct']) {
      const answer = await root.sh('web', `nslookup ${name}`);
      expect(answer).toContain(db.ipv4);
      expect(answer).toContain(db.ipv6);
    }
    expect(await root.sh('web', `nslookup ${db.ipv4}`)).toContain('db.tsct');
    expect((await root.run(['exec', 'web', '-T', '--', 'nslookup', 'nobody.tsct'])).exitCode).not.toBe(0);
  });

  it('gives a DHCP client the address that it has', async () => {
    const { ipv4 } = await addressesOf('web');
    const said = await root.sh('web', 'udhcpc -i eth0 -n -q -f -s /bin/true 2>&1');
    expect(said).toContain(`lease of ${ipv4} obtained`);
  });

  it('is told by list, info and wait', async () => {
    const { ipv4, ipv6, mac } = await addressesOf('web');
    const about = await root.info('web');
    expect(about.addresses).toEqual([`${ipv4}/24`, `${ipv6}/64`]);
    expect(about.network).toMatchObject([
      { name: 'eth0', network: 'tsct0', mac, addresses: about.addresses },
    ]);
    expect(about.network[0]?.counters?.sentPackets).toBeGreaterThan(0);
    expect(existsSync(`/sys/class/net/${about.network[0]?.hostName}`)).toBe(true);
    expect((await root.ok(['list'])).stdout).toContain(`${ipv4}/24`);
    await root.ok(['wait', 'web', '--for', 'address', '--timeout', '5']);
    await create('alone', '--set', 'Network.Private=yes', '--start');
    const never = await root.run(['wait', 'alone', '--for', 'address', '--timeout', '1', '--json']);
    expect(never.exitCode).toBe(1);
    expect(never.stdout + never.stderr).toContain('TSCT_TIMEOUT');
  });

  it('keeps address and MAC over reboot, stop and start, and being made again', async () => {
    await create('same', '--start');
    const before = await addressesOf('same');
    await root.run(['exec', 'same', '-T', '--', 'reboot']);
    await until('rebooted', async () => (await root.info('same')).boots === 2);
    await root.ok(['wait', 'same', '--for', 'address', '--timeout', '30']);
    expect((await root.info('same')).addresses[0]).toBe(`${before.ipv4}/24`);
    await root.ok(['restart', 'same']);
    expect((await root.info('same')).addresses[0]).toBe(`${before.ipv4}/24`);
    expect(await addressesOf('same')).toEqual(before);
    await root.ok(['destroy', '--force', 'same']);
    await create('same');
    expect((await addressesOf('same')).ipv4).toBe(before.ipv4);
  });

  it('gives a clone others', async () => {
    await root.ok(['clone', 'web', 'copy']);
    const [web, copy] = [await addressesOf('web'), await addressesOf('copy')];
    expect(copy.ipv4).not.toBe(web.ipv4);
    expect(copy.ipv6).not.toBe(web.ipv6);
    expect(copy.mac).not.toBe(web.mac);
    await root.ok(['start', 'copy']);
    expect(await pings('copy', web.ipv4)).toBe(true);
  });

  it('lets nobody send as another', async () => {
    await create('liar', '--start');
    const { ipv4, bridge } = await network();
    const { mac } = await addressesOf('liar');
    const port = (await root.info('liar')).network[0]?.hostName;
    const free = ipv4.replace(/0\/24$/, '2');
    await root.sh('liar', `ip addr add ${free}/24 dev eth0`);
    const spoof = () => pings('liar', '-I', free, gateway(ipv4));
    expect(await pings('liar', gateway(ipv4))).toBe(true);
    expect(await spoof()).toBe(false);
    expect(await pings('liar', gateway(ipv4))).toBe(true);
    // The same without the guard: it is the guard that stops it.
    await nft(`delete element bridge tsct-${bridge} ports { "${port}" }`);
    expect(await spoof()).toBe(true);
    await nft(`add element bridge tsct-${bridge} ports { "${port}" }`);
    await root.sh('liar', `ip addr del ${free}/24 dev eth0; ip link set eth0 address 02:00:00:00:00:99`);
    expect(await pings('liar', gateway(ipv4))).toBe(false);
    await root.sh('liar', `ip link set eth0 address ${mac}`);
    await answers('liar', gateway(ipv4));
  });

  it('has dnsmasq again when that is killed', async () => {
    await onNetwork('kept', async () => {
      const { bridge } = await network('kept');
      const [first] = dnsmasqOf(bridge);
      expect(first).toBeGreaterThan(1);
      process.kill(first as number, 'SIGKILL');
      await until('another dnsmasq', () => dnsmasqOf(bridge).some((pid) => pid !== first));
      await until('names again', async () => {
        const asked = await root.run(['exec', 'one', '-T', '--', 'nslookup', 'two.tsct']);
        return asked.exitCode === 0;
      });
    });
  });

  it('is mended by repair and by the next start', async () => {
    await onNetwork('broken', async () => {
      const { bridge, ipv4 } = await network('broken');
      await nft(`delete table inet tsct-${bridge}`);
      await execa('ip', ['link', 'delete', bridge]);
      expect(await pings('one', gateway(ipv4))).toBe(false);
      await root.ok(['network', 'repair', 'broken']);
      await answers('one', gateway(ipv4));
      expect((await nft(`list table inet tsct-${bridge}`)).stdout).toContain('masquerade');
      expect(await root.sh('one', 'nslookup two.tsct')).toContain((await addressesOf('two')).ipv4);
      await execa('ip', ['link', 'delete', bridge]);
      await root.ok(['restart', 'two']);
      await answers('one', (await addressesOf('two')).ipv4);
    });
  });

  it('leaves the host by the host’s address', async () => {
    const inet = await internet();
    try {
      expect(await pings('web', '198.51.100.2')).toBe(true);
      expect(await pings('web', '2001:db8:77::2')).toBe(true);
      // Nothing that nobody asked for comes in, even with a route to it: no answer, not even a refusal (curl's 28, 7).
      const { ipv4 } = await addressesOf('web');
      await inet.run('ip', 'route', 'add', ipv4, 'via', '198.51.100.1');
      const knock = async () => (await inet.run('curl', '--max-time', '2', `http://${ipv4}:81/`)).exitCode;
      expect(await knock()).toBe(28);
      const chain = `chain inet tsct-${(await network()).bridge} passing`;
      const { stdout: rules } = await nft(`list ${chain}`);
      await nft(`flush ${chain}`);
      expect(await knock()).toBe(7);
      await nft(rules);
      expect(await knock()).toBe(28);
    } finally {
      await inet.dispose();
    }
  });
});

/** Two containers on a network of their own, all gone at the end. */
async function onNetwork(name: string, work: () => Promise<void>): Promise<void> {
  await root.ok(['network', 'create', name]);
  for (const each of ['one', 'two']) {
    await create(each, '--set', `Network.eth0.Network=${name}`, '--start');
  }
  await work();
  await root.ok(['destroy', '--force', 'one', 'two']);
  await root.ok(['network', 'destroy', name]);
}

/** Plays the Internet. */
const internet = () => outsideHost('inet-test', '198.51.100', '2001:db8:77');

describe('published ports', () => {
  it('lead to the container from outside, from the host and from a sibling; a second publisher is refused', async () => {
    await create(
      'site',
      '--set',
      'Network.eth0.Port=18080:80',
      '--set',
      'Network.eth0.Port=18090-18091:80',
      '--start',
    );
    await create('visitor', '--start');
    await root.sh(
      'site',
      'mkdir -p /www && echo hello >/www/index.html && httpd -h /www && httpd -h /www -p 81',
    );
    const inet = await internet();
    // The busybox of Debian, static, crashes when wget looks up a name: curl where there is no container.
    const get = ['curl', '-s', '-m', '3'];
    const at = (host: string, port: number) => `http://${host}:${port}/`;
    try {
      for (const [host, port] of [
        ['198.51.100.1', 18080],
        ['[2001:db8:77::1]', 18080],
        ['198.51.100.1', 18090],
        ['198.51.100.1', 18091],
      ] as const) {
        expect((await inet.run(...get, at(host, port))).stdout, `${host} ${port}`).toBe('hello');
      }
      expect((await inet.run(...get, at('198.51.100.1', 18092))).exitCode).not.toBe(0);
      const host = await execa('curl', [...get.slice(1), at('198.51.100.1', 18080)], { reject: false });
      expect(host.stdout).toBe('hello');
      const asked = await root.sh(
        'visitor',
        "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 198.51.100.1 18080",
      );
      expect(asked).toContain('hello');
    } finally {
      await inet.dispose();
    }
    await create('rival', '--set', 'Network.eth0.Port=18091:80');
    const refused = await root.run(['start', 'rival']);
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toContain('cannot start rival: site has published port 18091/tcp');
    await root.ok(['stop', '--kill', 'site']);
    await root.ok(['start', 'rival']);
  });
});

describe('bad luck', () => {
  it('a start that fails after the link was made leaves nothing', async () => {
    await create('bad', '--set', 'Exec.Init=/bin/nothing');
    const failed = await root.run(['start', 'bad']);
    expect(failed.exitCode).not.toBe(0);
    expect(failed.stderr).toContain('/bin/nothing');
  });

  it('a supervisor that is killed with the link up leaves nothing after the next command', async () => {
    await create('crash', '--start');
    const { supervisorPid, network: links } = await root.info('crash');
    process.kill(supervisorPid as number, 'SIGKILL');
    await until('cleaned', async () => {
      await root.ok(['list']);
      return !existsSync(`/sys/class/net/${links[0]?.hostName}`);
    });
    expect((await root.ok(['list'])).stdout).toMatch(/crash +stopped/);
    await root.ok(['start', 'crash']);
    expect((await root.info('crash')).addresses.length).toBe(2);
  });

  it('a network that is full says so, and grows', async () => {
    await root.ok(['network', 'create', 'small', '--ipv4', '10.127.254.0/30']);
    await create('one', '--set', 'Network.eth0.Network=small', '--start');
    const full = await root.run([
      'create',
      'two',
      '--template',
      'busybox',
      '--set',
      'Network.eth0.Network=small',
    ]);
    expect(full.exitCode).toBe(4);
    expect(full.stderr).toContain('network small (10.127.254.0/30) is full, with 1 containers');
    expect(full.stderr).toContain('tsct network set small ipv4=10.127.254.0/29');
    expect(await root.names()).not.toContain('two');
    await root.ok(['network', 'set', 'small', 'ipv4=10.127.254.0/29']);
    await create('two', '--set', 'Network.eth0.Network=small', '--start');
    expect(await pings('two', (await addressesOf('one')).ipv4)).toBe(true);
    const said = await root.sh('two', 'udhcpc -i eth0 -n -q -f -s /bin/true 2>&1');
    expect(said).toContain(`lease of ${(await addressesOf('two')).ipv4} obtained`);
    const used = await root.run(['network', 'destroy', 'small', '--json']);
    expect(used.exitCode).toBe(4);
    expect(used.stdout + used.stderr).toMatch(/one, two is on it/);
    await root.ok(['destroy', '--force', 'one', 'two']);
    await root.ok(['network', 'destroy', 'small']);
    expect((await root.run(['network', 'info', 'small'])).exitCode).toBe(3);
  });

  it('a subnet that is in use is refused', async () => {
    await root.ok(['network', 'create', 'first', '--ipv4', '10.126.0.0/24']);
    const second = await root.run(['network', 'create', 'second', '--ipv4', '10.126.0.128/25']);
    expect(second.exitCode).toBe(4);
    expect(second.stderr).toContain('network first, 10.126.0.0/24, is in the way');
    expect((await root.run(['network', 'create', 'second', '--ipv4', '127.0.0.0/16'])).exitCode).toBe(4);
    expect((await root.run(['network', 'create', 'Second'])).exitCode).toBe(2);
    expect((await root.run(['network', 'create', 'first'])).exitCode).toBe(4);
    await root.ok(['network', 'destroy', 'first']);
  });

  it('an address or MAC that another has is refused with its name', async () => {
    await create('holder', '--set', 'Network.eth0.MACAddress=02:00:00:00:77:01');
    const { ipv4 } = await addressesOf('holder');
    for (const [setting, what] of [
      [`Network.eth0.Address=${ipv4}/24`, ipv4],
      ['Network.eth0.MACAddress=02:00:00:00:77:01', '02:00:00:00:77:01'],
    ] as const) {
      const taken = await root.run(['create', 'thief', '--template', 'busybox', '--set', setting]);
      expect(taken.exitCode, setting).toBe(4);
      expect(taken.stderr).toContain(`cannot give thief the address ${what}: container holder has it`);
    }
    expect(await root.names()).not.toContain('thief');
    // A copy is made, and does not start.
    const copy = await root.ok(['clone', 'holder', 'twin']);
    expect(copy.stderr).toContain('container holder has it: twin will not start before that is mended');
    expect((await root.run(['start', 'twin'])).exitCode).toBe(4);
    await root.ok(['config', 'set', 'twin', 'Network.eth0.MACAddress=']);
    await root.ok(['start', 'twin']);
    expect(
      (await root.run(['create', 'odd', '--template', 'busybox', '--set', 'Network.eth0.Network=nowhere']))
        .exitCode,
    ).toBe(3);
  });
});

describe('more than one', () => {
  it('two networks on one container, apart from each other', async () => {
    await root.ok(['network', 'create', 'a-longer-name1']);
    await create(
      'both',
      '--set',
      'Network.eth0.Network=tsct0',
      '--set',
      'Network.eth1.Network=a-longer-name1',
    );
    await create('far', '--set', 'Network.eth0.Network=a-longer-name1', '--start');
    await create('near', '--start');
    await root.ok(['start', 'both']);
    const about = await root.info('both');
    expect(about.network.map(({ name, network: on }) => [name, on])).toEqual([
      ['eth0', 'tsct0'],
      ['eth1', 'a-longer-name1'],
    ]);
    expect(about.addresses).toHaveLength(4);
    expect(await root.sh('both', 'ip route | grep -c ^default')).toBe('1');
    const [far, near] = [await addressesOf('far'), await addressesOf('near')];
    expect(await pings('both', far.ipv4)).toBe(true);
    expect(await pings('both', near.ipv4)).toBe(true);
    expect(await pings('near', far.ipv4)).toBe(false);
    await root.ok(['destroy', '--force', 'both', 'far', 'near']);
    await root.ok(['network', 'destroy', 'a-longer-name1']);
  });

  it('static addresses and a foreign bridge', async () => {
    await execa('ip', ['link', 'add', 'brtest0', 'type', 'bridge']);
    try {
      await execa('ip', ['addr', 'add', '198.18.5.1/24', 'dev', 'brtest0']);
      await execa('ip', ['link', 'set', 'brtest0', 'up']);
      const set = [
        'Bridge=brtest0',
        'Address=198.18.5.2/24',
        'Gateway=198.18.5.1',
        'DNS=198.18.5.1',
        'MTUBytes=1400',
      ];
      await create('fixed', ...set.flatMap((one) => ['--set', `Network.eth0.${one}`]), '--start');
      expect((await root.info('fixed')).addresses).toEqual(['198.18.5.2/24']);
      expect(await pings('fixed', '198.18.5.1')).toBe(true);
      expect(await root.sh('fixed', 'cat /etc/resolv.conf; ip route; cat /sys/class/net/eth0/mtu')).toMatch(
        /nameserver 198.18.5.1\ndefault via 198.18.5.1 [\s\S]*1400$/,
      );
      await root.ok(['destroy', '--force', 'fixed']);
    } finally {
      await execa('ip', ['link', 'delete', 'brtest0']);
    }
  });
});
