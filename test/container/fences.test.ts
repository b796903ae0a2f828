import { execa } from 'execa';
import { beforeAll, describe, expect } from 'vitest';
import type { NetworkInfo } from '../../src/lifecycle/network-manage.js';
import { linkLocalAddress } from '../../src/network/links.js';
import { withBridgeCalls } from '../support/bridge-calls.js';
import {
  arp,
  BROADCAST,
  ethernet,
  MULTICAST6,
  neighbourAdvertisement,
  routerAdvertisement,
  type Station,
  udp4,
  udp6,
  vlanTag,
} from '../support/frames.js';
import { guestProbe } from '../support/guest-probe.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { useRoot } from '../support/temp-root.js';

// What a hostile root inside, with CAP_NET_ADMIN and CAP_NET_RAW, can put on the wire: frames byte by byte.
const it = testNeeding(noRoot());
const root = useRoot();

const network = async () => (await root.ok(['network', 'info', 'tsct0', '--json'])).json<NetworkInfo>();

let probe = '';

async function station(name: string): Promise<Station> {
  const [eth0] = (await root.info(name)).network;
  const [ipv4 = '', ipv6 = ''] = (eth0?.reserved ?? []).map((text) => text.split('/')[0] ?? '');
  return { mac: eth0?.mac ?? '', ipv4, ipv6 };
}

const hex = (text: string) => Buffer.from(text.padEnd(8).slice(0, 8)).toString('hex');
const LAST = hex('the last');

/** What of these frames, sent by `from`, comes in at `to`: their marks. An honest one ends each round. */
async function arrivals(
  from: string,
  to: string,
  frames: Readonly<Record<string, string>>,
): Promise<string[]> {
  const [sender, hearer] = [await station(from), (await root.info(to)).pid];
  const hearing = execa('nsenter', ['-t', String(hearer), '-n', probe, 'hear', 'eth0', LAST]);
  await new Promise((resolve) => hearing.stdout.once('data', resolve));
  const nobody = { mac: BROADCAST, ipv4: sender.ipv4 };
  const honest = ethernet({ from: sender.mac, to: BROADCAST }, 0x0806, arp('request', sender, nobody, LAST));
  await root.ok(['exec', from, '-T', '--', '/probe', 'send', 'eth0', ...Object.values(frames), honest]);
  const heard = (await hearing).stdout;
  return Object.keys(frames).filter((mark) => heard.includes(hex(mark)));
}

interface Attack {
  /** Chain and rule of the bridge table that stop it. */
  readonly guard: readonly [chain: string, rule: string];
  /** By mark. */
  readonly frames: Readonly<Record<string, string>>;
}

/** Everything that `liar` could do to `victim`, or to all, by pretending to be `other`. */
function attacks(liar: Station, victim: Station, other: Station): Attack[] {
  const toVictim = { from: liar.mac, to: victim.mac };
  const toAll = { from: liar.mac, to: BROADCAST };
  const toAll6 = { from: liar.mac, to: MULTICAST6.mac };
  const ip4 = { from: liar.ipv4, to: victim.ipv4 };
  const local = { from: linkLocalAddress(liar.mac), to: MULTICAST6.ipv6 };
  const four = (mark: string, between = ip4, port = 4000) => udp4(between, port, 5000, hex(mark));
  const six = (mark: string, from: string, port = 4000) =>
    udp6({ from, to: victim.ipv6 }, port, 5000, hex(mark));
  return [
    {
      guard: ['sent', '@own_mac'],
      frames: {
        'mac4 lie': ethernet({ from: other.mac, to: victim.mac }, 0x0800, four('mac4 lie')),
        'mac6 lie': ethernet({ from: other.mac, to: victim.mac }, 0x86dd, six('mac6 lie', liar.ipv6)),
      },
    },
    {
      // What is neither ARP nor IP, or says so behind a tag.
      guard: ['sent', 'counter packets'],
      frames: {
        'vlan 7  ': ethernet(toVictim, 0x0800, four('vlan 7  '), vlanTag(7)),
        'vlan 0  ': ethernet(toVictim, 0x0800, four('vlan 0  '), vlanTag(0)),
        'vlan lie': ethernet(
          toVictim,
          0x0800,
          four('vlan lie', { from: other.ipv4, to: victim.ipv4 }),
          vlanTag(7),
        ),
        'qinq    ': ethernet(toVictim, 0x0800, four('qinq    '), vlanTag(7, 0x88a8) + vlanTag(8)),
        'odd type': ethernet(toVictim, 0x88b5, hex('odd type')),
      },
    },
    {
      guard: ['sent4', 'udp sport 67'],
      frames: { 'dhcp4   ': ethernet(toAll, 0x0800, four('dhcp4   ', ip4, 67)) },
    },
    {
      guard: ['sent4', 'counter packets'],
      frames: {
        'ip4 lie ': ethernet(toVictim, 0x0800, four('ip4 lie ', { from: other.ipv4, to: victim.ipv4 })),
        'ip4 far ': ethernet(toVictim, 0x0800, four('ip4 far ', { from: '192.0.2.1', to: victim.ipv4 })),
      },
    },
    {
      guard: ['sent_arp', '@own_mac'],
      frames: {
        'arp mac ': ethernet(
          toVictim,
          0x0806,
          arp('reply', { mac: other.mac, ipv4: liar.ipv4 }, victim, hex('arp mac ')),
        ),
      },
    },
    {
      guard: ['sent_arp', 'counter packets'],
      frames: {
        'arp lie ': ethernet(
          toVictim,
          0x0806,
          arp('reply', { mac: liar.mac, ipv4: other.ipv4 }, victim, hex('arp lie ')),
        ),
        gratuity: ethernet(
          toAll,
          0x0806,
          arp('request', { mac: liar.mac, ipv4: other.ipv4 }, { ...other, mac: BROADCAST }, hex('gratuity')),
        ),
      },
    },
    {
      guard: ['sent6', 'nd-router-advert'],
      frames: { 'router  ': ethernet(toAll6, 0x86dd, routerAdvertisement(local, hex('router  '))) },
    },
    {
      guard: ['sent6', 'udp sport 547'],
      frames: { 'dhcp6   ': ethernet(toVictim, 0x86dd, six('dhcp6   ', liar.ipv6, 547)) },
    },
    {
      guard: ['sent6', '@target6'],
      frames: {
        'nd lie  ': ethernet(
          toAll6,
          0x86dd,
          neighbourAdvertisement(local, other.ipv6, liar.mac, hex('nd lie  ')),
        ),
      },
    },
    {
      guard: ['sent6', 'counter packets'],
      frames: {
        'ip6 lie ': ethernet(toVictim, 0x86dd, six('ip6 lie ', other.ipv6)),
        'ip6 ll  ': ethernet(toVictim, 0x86dd, six('ip6 ll  ', linkLocalAddress(other.mac))),
      },
    },
  ];
}

/** Takes out the last rule of a chain that has these words. */
async function takeOut(bridge: string, [chain, words]: Attack['guard']): Promise<void> {
  const listed = (await execa('nft', ['-a', 'list', 'chain', 'bridge', `tsct-${bridge}`, chain])).stdout;
  const rule = listed.split('\n').findLast((line) => line.includes(words) && line.includes('drop'));
  const handle = /# handle (\d+)/.exec(rule ?? '')?.[1];
  expect(handle, `${words} in ${listed}`).toBeDefined();
  await execa('nft', ['delete', 'rule', 'bridge', `tsct-${bridge}`, chain, 'handle', handle ?? '']);
}

describe('what a container puts on the wire', () => {
  beforeAll(async () => {
    probe = await guestProbe();
  });

  for (const calls of ['0', '1'] as const) {
    it(`is its own or nobody hears it, each rule of the fence being needed (bridge-nf-call ${calls})`, async () => {
      // Made anew: the tables are those of the first start.
      for (const name of ['liar', 'victim', 'other']) {
        await root.ok(['create', name, '--template', 'busybox', '--start']);
      }
      await root.ok(['cp', probe, 'liar:/probe']);
      const all = attacks(await station('liar'), await station('victim'), await station('other'));
      const { bridge } = await network();
      await withBridgeCalls(calls, async () => {
        const [{ mac, ipv4 }, victim] = [await station('liar'), await station('victim')];
        const honest = udp4({ from: ipv4, to: victim.ipv4 }, 4000, 5000, hex('honest  '));
        const control = { 'honest  ': ethernet({ from: mac, to: victim.mac }, 0x0800, honest) };
        expect(await arrivals('liar', 'victim', control)).toEqual(['honest  ']);
        for (const { guard, frames } of all) {
          expect(await arrivals('liar', 'victim', frames), guard.join(' ')).toEqual([]);
          await takeOut(bridge, guard);
          expect(await arrivals('liar', 'victim', frames), `without ${guard.join(' ')}`).toEqual(
            Object.keys(frames),
          );
        }
      });
    });
  }
});
