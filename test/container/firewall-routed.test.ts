import { execa } from 'execa';
import { afterAll, beforeAll, expect } from 'vitest';
import type { ChangeResult } from '../../src/lifecycle/change-config.js';
import { outsideHost } from '../support/outside-host.js';
import { here, type Inside, inside, ping, same, tcp, together, udp, withServers } from '../support/reach.js';
import { noLink, noRoot, testNeeding } from '../support/requires.js';
import { useRoot } from '../support/temp-root.js';

const it = testNeeding(noRoot());
const root = useRoot();

interface Guest {
  readonly ipv4: string;
  readonly ipv6: string;
  readonly link: string;
  /** Programs of the host in its network. */
  readonly net: Inside;
}

/** Creates and starts a routed one. @param n the last number of its addresses. */
async function start(name: string, n: number, ...settings: string[]): Promise<Guest> {
  const [ipv4, ipv6] = [`192.0.2.${n}`, `2001:db8:83::${n}`];
  const lines = ['Kind=routed', `Address=${ipv4}/32`, `Address=${ipv6}/128`, ...settings];
  const set = lines.flatMap((line) => ['--set', `Network.eth0.${line}`]);
  await root.ok(['create', name, '--template', 'busybox', '--start', ...set]);
  const about = await root.info(name);
  return { ipv4, ipv6, link: about.network[0]?.hostName ?? '', net: inside(about.pid) };
}

/** Takes out what a guard goes by: the rules of a chain of its table. */
const takeOut = ({ link }: Guest, chain: string) =>
  execa('nft', ['flush', 'chain', 'inet', `tsct-${link}`, chain]);

/** Plays the Internet, and knows the way back. */
let inet: Awaited<ReturnType<typeof outsideHost>>;
const OUTSIDE = '198.18.182.2';
const OUTSIDE6 = '2001:db8:82::2';
beforeAll(async () => {
  inet = await outsideHost('wall-routed', '198.18.182', '2001:db8:82');
  await inet.run('ip', 'route', 'add', '192.0.2.0/24', 'via', '198.18.182.1');
  await inet.run('ip', 'route', 'add', '2001:db8:83::/64', 'via', '2001:db8:82::1');
});
afterAll(() => inet.dispose());

// What is limited comes by way of another link.
const LIMITED = testNeeding(noRoot(), noLink('ifb'));
for (const [what, test, rates] of [
  ['', it, []],
  [', with a rate', LIMITED, ['EgressMax=1G', 'IngressMax=1G']],
] as const)
  test(`what comes in to a routed one is what the first matching line allows${what}`, async () => {
    const bad = await start('bad', 20);
    const good = await start('good', 21);
    const lines = [`Deny=in ${bad.ipv4}`, 'Allow=in any tcp 80', 'Allow=in any udp 70-79', ...rates];
    const server = await start('server', 22, ...lines);
    const asked = () =>
      together({
        'tcp 80': tcp(good.net, server.ipv4, 80),
        'tcp 80, IPv6': tcp(good.net, server.ipv6, 80),
        'udp 75': udp(good.net, server.ipv4, 75),
        'udp 75, IPv6': udp(good.net, server.ipv6, 75),
        'host, tcp 80': tcp(here, server.ipv4, 80),
        'host, udp 75': udp(here, server.ipv6, 75),
        'outside, tcp 80': tcp(inet.run, server.ipv4, 80),
        'answers, ping': ping(server.net, good.ipv4),
        'answers, tcp 81': tcp(server.net, good.ipv6, 81),
        'answers, udp 80': udp(server.net, good.ipv4, 80),
        'answers, outside': udp(server.net, OUTSIDE, 80),
        'answers, outside, IPv6': tcp(server.net, OUTSIDE6, 81),
        'answers, host': ping(server.net, '169.254.1.1'),
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
        'outside, tcp 81': tcp(inet.run, server.ipv4, 81),
      });
    await withServers(
      [bad.net, good.net, server.net, inet.run],
      { tcp: [80, 81], udp: [75, 80] },
      async () => {
        const yes = await asked();
        expect(yes).toEqual(same(yes, true));
        const no = await refused();
        expect(no).toEqual(same(no, false));
        await takeOut(server, `in-${server.link}`);
        const open = await refused();
        expect(open).toEqual(same(open, true));
      },
    );
    await root.ok(['stop', '--kill', 'server']);
    expect((await execa('nft', ['list', 'ruleset'])).stdout).not.toContain(server.link);
  });

it('what goes out of a routed one is what the first matching line allows, to the host too', async () => {
  const good = await start('good', 21);
  const client = await start(
    'client',
    23,
    'Allow=out gateway tcp 80',
    `Deny=out ${good.ipv4} tcp 81`,
    `Allow=out ${good.ipv4} tcp`,
    'Allow=out 198.18.182.0/24 tcp 80',
    'Allow=out 2001:db8:82::/64 icmp',
  );
  const refused = () =>
    together({
      'tcp 81': tcp(client.net, good.ipv4, 81),
      'tcp 80, IPv6': tcp(client.net, good.ipv6, 80),
      'udp 75': udp(client.net, good.ipv4, 75),
      ping: ping(client.net, good.ipv4),
      'outside, tcp 81': tcp(client.net, OUTSIDE, 81),
      'outside, ping': ping(client.net, OUTSIDE),
      'outside, tcp 80, IPv6': tcp(client.net, OUTSIDE6, 80),
      'gateway, ping': ping(client.net, '169.254.1.1'),
      'gateway, ping by link': ping(client.net, 'fe80::1%eth0'),
    });
  const ports = { tcp: [80, 81], udp: [75] };
  await withServers([good.net, client.net, inet.run, here], ports, async () => {
    const allowed = await together({
      'gateway, tcp 80': tcp(client.net, '169.254.1.1', 80),
      'tcp 80': tcp(client.net, good.ipv4, 80),
      'outside, tcp 80': tcp(client.net, OUTSIDE, 80),
      'outside, ping, IPv6': ping(client.net, OUTSIDE6),
      'answers, tcp 80': tcp(good.net, client.ipv6, 80),
      'answers, udp 75': udp(good.net, client.ipv4, 75),
      'answers, ping': ping(good.net, client.ipv4),
      'answers, host': udp(here, client.ipv6, 75),
    });
    expect(allowed).toEqual(same(allowed, true));
    const no = await refused();
    expect(no).toEqual(same(no, false));
    await takeOut(client, `out-${client.link}`);
    const open = await refused();
    expect(open).toEqual(same(open, true));
  });
});

it('an isolated routed one is alone with the host and what is beyond it', async () => {
  const lone = await start('lone', 24, 'Isolated=yes');
  const peer = await start('peer', 25);
  await root.ok(['create', 'web', '--template', 'busybox', '--start', '--set', 'Network.eth0.Port=18182:80']);
  const web = inside((await root.info('web')).pid);
  const apart = () =>
    together({
      'to another routed one': ping(lone.net, peer.ipv4),
      'to another routed one, IPv6': ping(lone.net, peer.ipv6),
      'from another routed one': tcp(peer.net, lone.ipv4, 80),
      'from a network of tsct': tcp(web, lone.ipv4, 80),
      'from a network of tsct, IPv6': ping(web, lone.ipv6),
    });
  await withServers([lone.net, peer.net, web], { tcp: [80], udp: [] }, async () => {
    const refused = await apart();
    expect(refused).toEqual(same(refused, false));
    const open = await together({
      out: ping(lone.net, OUTSIDE),
      'out, IPv6': ping(lone.net, OUTSIDE6),
      in: tcp(inet.run, lone.ipv4, 80),
      host: tcp(here, lone.ipv6, 80),
      'what another one has published': tcp(lone.net, '198.18.182.1', 18182),
    });
    expect(open).toEqual(same(open, true));
    await takeOut(lone, 'passing');
    const reached = await apart();
    expect(reached).toEqual(same(reached, true));
  });
});

it('its fence is another one at once, and the link stays', async () => {
  const one = await start('one', 26);
  const index = () => root.sh('one', 'cat /sys/class/net/eth0/ifindex');
  const before = await index();
  expect(await ping(one.net, OUTSIDE)).toBe(true);
  const set = async (...words: string[]) => {
    const result = (await root.ok(['config', ...words, '--json'])).json<ChangeResult>();
    expect(result.keys.map(({ state }) => state)).toEqual(['applied']);
  };
  await set('set', 'one', 'Network.eth0.Deny=out any icmp');
  expect(await ping(one.net, OUTSIDE)).toBe(false);
  await set('unset', 'one', 'Network.eth0.Deny');
  expect(await ping(one.net, OUTSIDE)).toBe(true);
  expect((await execa('nft', ['list', 'tables'])).stdout).not.toContain(`inet tsct-${one.link}`);
  expect(await index()).toBe(before);
});
