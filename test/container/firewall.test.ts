import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { describe, expect } from 'vitest';
import type { NetworkInfo } from '../../src/lifecycle/network-manage.js';
import { linkLocalAddress } from '../../src/network/links.js';
import { withBridgeCalls } from '../support/bridge-calls.js';
import { outsideHost } from '../support/outside-host.js';
import { here, type Inside, inside, ping, same, tcp, together, udp, withServers } from '../support/reach.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { useRoot } from '../support/temp-root.js';

const it = testNeeding(noRoot());
const root = useRoot();

/** Creates and starts one with these lines in its [Network eth0]. */
async function start(name: string, ...settings: string[]): Promise<Guest> {
  const set = settings.flatMap((setting) => ['--set', `Network.eth0.${setting}`]);
  await root.ok(['create', name, '--template', 'busybox', '--start', ...set]);
  return guest(name);
}

interface Guest {
  readonly ipv4: string;
  readonly ipv6: string;
  readonly mac: string;
  readonly link: string;
  /** Programs of the host in its network. */
  readonly net: Inside;
}

async function guest(name: string): Promise<Guest> {
  const about = await root.info(name);
  const [eth0] = about.network;
  const [ipv4 = '', ipv6 = ''] = (eth0?.reserved ?? []).map((text) => text.split('/')[0] ?? '');
  return { ipv4, ipv6, mac: eth0?.mac ?? '', link: eth0?.hostName ?? '', net: inside(about.pid) };
}

const network = async () => (await root.ok(['network', 'info', 'tsct0', '--json'])).json<NetworkInfo>();
const gateways = ({ ipv4, ipv6 }: NetworkInfo) =>
  [ipv4.replace(/0\/\d+$/, '1'), ipv6.replace(/\/\d+$/, '1')] as const;

/** Takes out what a guard goes by. @param set `FAMILY SET`. */
async function takeOut(set: string, key: string): Promise<void> {
  const [family, name] = set.split(' ');
  const { bridge } = await network();
  await execa('nft', [`delete element ${family} tsct-${bridge} ${name} { ${key} }`]);
}

/** Gives one the hardware address of the other. */
async function tell(to: Guest, about: Guest): Promise<void> {
  for (const address of [about.ipv4, about.ipv6])
    await to.net('ip', 'neigh', 'replace', address, 'lladdr', about.mac, 'dev', 'eth0', 'nud', 'permanent');
}

const macOf = (link: string) => readFileSync(`/sys/class/net/${link}/address`, 'utf8').trim();

/** Plays the Internet; it is 198.18.179.2. */
const internet = () => outsideHost('wall-test', '198.18.179', '2001:db8:79');

for (const calls of ['0', '1'] as const) {
  describe(`with bridge-nf-call ${calls}`, () => {
    it('an isolated container is alone with the host, by whatever way', async () => {
      const lone = await start('lone', 'Isolated=yes', 'Port=18180:80');
      const peer = await start('peer', 'Port=18181:80');
      const [gate] = gateways(await network());
      const inet = await internet();
      const direct = () =>
        together({
          'lone to peer': ping(lone.net, peer.ipv4),
          'lone to peer, IPv6': ping(lone.net, peer.ipv6),
          'peer to lone': ping(peer.net, lone.ipv4),
          'peer to lone, tcp': tcp(peer.net, lone.ipv6, 80),
        });
      try {
        await withBridgeCalls(calls, async () => {
          await withServers([lone.net, peer.net], { tcp: [80], udp: [] }, async () => {
            const refused = await direct();
            expect(refused).toEqual(same(refused, false));
            // Nor when root in both has no need to ask for the other's hardware address.
            await tell(lone, peer);
            await tell(peer, lone);
            const told = await direct();
            expect(told).toEqual(same(told, false));
            const open = await together({
              out: ping(lone.net, '198.18.179.2'),
              'out, IPv6': ping(lone.net, '2001:db8:79::2'),
              gateway: ping(lone.net, gate),
              host: tcp(here, lone.ipv4, 80),
              'published, outside': tcp(inet.run, '198.18.179.1', 18180),
              'published, peer': tcp(peer.net, '198.18.179.1', 18180),
              'published, host': tcp(here, '127.0.0.1', 18180),
              'to what peer has published': tcp(lone.net, '198.18.179.1', 18181),
            });
            expect(open).toEqual(same(open, true));
            // By way of the host, which routes it back onto the bridge.
            await root.sh('lone', `ip route add ${peer.ipv4} via ${gate}`);
            await root.sh('peer', `ip route add ${lone.ipv4} via ${gate}`);
            expect(await ping(lone.net, peer.ipv4)).toBe(false);
            expect(await ping(peer.net, lone.ipv4)).toBe(false);
            await takeOut('inet isolated4', lone.ipv4);
            expect(await ping(lone.net, peer.ipv4)).toBe(true);
            await root.sh('lone', `ip route del ${peer.ipv4} via ${gate}`);
            await root.sh('peer', `ip route del ${lone.ipv4} via ${gate}`);
            expect(await ping(lone.net, peer.ipv4)).toBe(false);
            await takeOut('inet isolated6', lone.ipv6);
            await takeOut('bridge isolated', `"${lone.link}"`);
            expect(await ping(lone.net, peer.ipv4)).toBe(false); // whose answers do not come
            await takeOut('bridge isolated_mac', lone.mac);
            const reached = await direct();
            expect(reached).toEqual(same(reached, true));
          });
        });
      } finally {
        await inet.dispose();
      }
    });

    it('what comes in is what the first matching line allows', async () => {
      const bad = await start('bad');
      const good = await start('good');
      const lines = [`Deny=in ${bad.ipv4}`, 'Allow=in any tcp 80', 'Allow=in any udp 70-79', 'Port=18180:80'];
      const server = await start('server', ...lines, 'Port=18181:81');
      const inet = await internet();
      const ports = { tcp: [80, 81], udp: [75, 80] };
      const asked = () =>
        together({
          'tcp 80': tcp(good.net, server.ipv4, 80),
          'tcp 80, IPv6': tcp(good.net, server.ipv6, 80),
          'udp 75': udp(good.net, server.ipv4, 75),
          'udp 75, IPv6': udp(good.net, server.ipv6, 75),
          'host, tcp 80': tcp(here, server.ipv4, 80),
          'host, udp 75': udp(here, server.ipv6, 75),
          'published, outside': tcp(inet.run, '198.18.179.1', 18180),
          'published, host': tcp(here, '127.0.0.1', 18180),
          'answers, bridged': ping(server.net, good.ipv4),
          'answers, bridged, tcp 81': tcp(server.net, good.ipv6, 81),
          'answers, bridged, udp 80': udp(server.net, good.ipv4, 80),
          'answers, bridged, udp 80, IPv6': udp(server.net, good.ipv6, 80),
          'answers, routed': udp(server.net, '198.18.179.2', 80),
          'answers, routed, IPv6': tcp(server.net, '2001:db8:79::2', 81),
        });
      const refused = () =>
        together({
          'tcp 81': tcp(good.net, server.ipv4, 81),
          'tcp 81, IPv6': tcp(good.net, server.ipv6, 81),
          'udp 80': udp(good.net, server.ipv4, 80),
          ping: ping(good.net, server.ipv4),
          'bad, tcp 80': tcp(bad.net, server.ipv4, 80),
          'host, tcp 81': tcp(here, server.ipv4, 81),
          'host, ping, IPv6': ping(here, server.ipv6),
          'published, outside, tcp 81': tcp(inet.run, '198.18.179.1', 18181),
        });
      try {
        await withBridgeCalls(calls, () =>
          withServers([bad.net, good.net, server.net, inet.run], ports, async () => {
            const yes = await asked();
            expect(yes).toEqual(same(yes, true));
            const no = await refused();
            expect(no).toEqual(same(no, false));
            expect(Object.values(await asked())).not.toContain(false);
            await takeOut('bridge in', `"${server.link}"`);
            await takeOut('inet in4', server.ipv4);
            await takeOut('inet in6', server.ipv6);
            const open = await refused();
            expect(open).toEqual(same(open, true));
          }),
        );
      } finally {
        await inet.dispose();
      }
      // Others are on the network still: its tables stay, and nothing of this one in them.
      await root.ok(['stop', '--kill', 'server']);
      expect((await execa('nft', ['list', 'ruleset'])).stdout).not.toContain(server.link);
    });

    it('what goes out is what the first matching line allows, to the host too, by whatever way', async () => {
      const good = await start('good');
      const client = await start(
        'client',
        'Allow=out gateway udp 53',
        `Deny=out ${good.ipv4} tcp 81`,
        `Allow=out ${good.ipv4} tcp`,
        'Allow=out 198.18.179.0/24 tcp 80',
        'Allow=out 2001:db8:79::/64 icmp',
      );
      const [gate] = gateways(await network());
      const inet = await internet();
      const ports = { tcp: [80, 81], udp: [75] };
      const hostLocal = linkLocalAddress(macOf((await network()).bridge));
      const refused = () =>
        together({
          'tcp 81': tcp(client.net, good.ipv4, 81),
          'tcp 80, IPv6': tcp(client.net, good.ipv6, 80),
          'udp 75': udp(client.net, good.ipv4, 75),
          ping: ping(client.net, good.ipv4),
          'outside, tcp 81': tcp(client.net, '198.18.179.2', 81),
          'outside, ping': ping(client.net, '198.18.179.2'),
          'outside, tcp 80, IPv6': tcp(client.net, '2001:db8:79::2', 80),
          'gateway, ping': ping(client.net, gate),
          'gateway, tcp 80': tcp(client.net, gate, 80),
          'gateway, ping by link': ping(client.net, `${hostLocal}%eth0`),
        });
      try {
        await withBridgeCalls(calls, () =>
          withServers([good.net, client.net, inet.run, here], ports, async () => {
            const allowed = await together({
              'tcp 80': tcp(client.net, good.ipv4, 80),
              'outside, tcp 80': tcp(client.net, '198.18.179.2', 80),
              'outside, ping, IPv6': ping(client.net, '2001:db8:79::2'),
              'answers, tcp 80': tcp(good.net, client.ipv6, 80),
              'answers, udp 75': udp(good.net, client.ipv4, 75),
              'answers, ping': ping(good.net, client.ipv4),
              'answers, host': udp(here, client.ipv6, 75),
            });
            expect(allowed).toEqual(same(allowed, true));
            expect(await root.sh('client', 'nslookup good')).toContain(good.ipv4);
            const no = await refused();
            expect(no).toEqual(same(no, false));
            await root.sh('client', `ip route add ${good.ipv4} via ${gate}`);
            expect(await tcp(client.net, good.ipv4, 81)).toBe(false);
            await root.sh('client', `ip route del ${good.ipv4} via ${gate}`);
            await takeOut('bridge out', `"${client.link}"`);
            await takeOut('inet out4', client.ipv4);
            for (const own of [client.ipv6, linkLocalAddress(client.mac)]) await takeOut('inet out6', own);
            const open = await refused();
            expect(open).toEqual(same(open, true));
          }),
        );
      } finally {
        await inet.dispose();
      }
    });
  });
}

it('Priority= is that of what leaves the network, whatever the guest says', async () => {
  const { net } = await start('first', 'Priority=5');
  const inet = await internet();
  const counted = async () => {
    const { stdout } = await execa('nft', ['list', 'chain', 'inet', 'wall-test', 'seen']);
    return [...stdout.matchAll(/packets (\d+)/g)].map(([, packets]) => Number(packets));
  };
  const rules = [
    'add table inet wall-test',
    'add chain inet wall-test leaving { type filter hook postrouting priority 200; }',
    'add chain inet wall-test seen',
    'add rule inet wall-test seen meta priority 0:5 counter',
    'add rule inet wall-test seen meta priority != 0:5 counter',
    ...['icmp', 'icmpv6'].map(
      (kind) => `add rule inet wall-test leaving oifname wall-test ${kind} type echo-request jump seen`,
    ),
  ];
  try {
    await execa('nft', [rules.join('; ')]);
    await net('busybox', 'ping', '-c', '2', '-W', '2', '198.18.179.2');
    await net('busybox', 'ping', '-c', '2', '-W', '2', '2001:db8:79::2');
    expect(await counted()).toEqual([4, 0]);
  } finally {
    await execa('nft', ['delete', 'table', 'inet', 'wall-test'], { reject: false });
    await inet.dispose();
  }
});
