import { existsSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { ContainerInfo } from '../../src/lifecycle/info.js';
import { outsideHost } from '../support/outside-host.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

const it = testNeeding(noRoot());
const root = useRoot();

const info = async (name: string) => (await root.ok(['info', name, '--json'])).json<ContainerInfo>();
const create = (name: string, settings: readonly string[], ...more: string[]) =>
  root.ok(['create', name, '--template', 'busybox', ...settings.flatMap((one) => ['--set', one]), ...more]);
const eth0 = (...settings: string[]) => settings.map((one) => `Network.eth0.${one}`);
const ip = (words: string) => execa('ip', words.split(' '));
const link = (name: string) => existsSync(`/sys/class/net/${name}`);
const macOf = (name: string) => readFileSync(`/sys/class/net/${name}/address`, 'utf8').trim();
const pings = async (from: string, ...words: string[]) =>
  (await root.run(['exec', from, '-T', '--', 'ping', '-c', '1', '-W', '2', ...words])).exitCode === 0;
const reaches = (from: string, to: string) => until(`${from} reaches ${to}`, () => pings(from, to));

/** A link of this host, with somebody beyond it. */
let lan: Awaited<ReturnType<typeof outsideHost>>;
const LAN = 'kinds-lan';

beforeAll(async () => {
  lan = await outsideHost(LAN, '198.51.100', '2001:db8:78');
});
afterAll(() => lan.dispose());

describe('macvlan', () => {
  it('is a machine of its own on the network of a link, with a MAC address that stays', async () => {
    const settings = eth0(
      'Kind=macvlan',
      `Link=${LAN}`,
      'Address=198.51.100.10/24',
      'Address=2001:db8:78::10/64',
    );
    await create('mv', [...settings, ...eth0('MTUBytes=1400', 'TransmitQueueLength=77')], '--start');
    await reaches('mv', '198.51.100.2');
    await reaches('mv', '2001:db8:78::2');
    const about = await info('mv');
    expect(about.addresses).toEqual(['198.51.100.10/24', '2001:db8:78::10/64']);
    expect(about.network).toMatchObject([
      { name: 'eth0', kind: 'macvlan', hostName: null, link: LAN, network: null, bridge: null },
    ]);
    const { mac, counters } = about.network[0] ?? {};
    expect(counters?.sentPackets).toBeGreaterThan(0);
    expect(mac).toMatch(/^02:/);
    expect(
      await root.sh(
        'mv',
        'cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu /sys/class/net/eth0/tx_queue_len',
      ),
    ).toBe(`${mac}\n1400\n77`);
    const seen = (await lan.run('ip', 'neigh', 'show', '198.51.100.10')).stdout;
    expect(seen).toContain(mac);
    await root.ok(['wait', 'mv', '--for', 'address', '--timeout', '5']);
    expect((await root.ok(['list'])).stdout).toContain('198.51.100.10/24');
    await root.ok(['restart', 'mv']);
    expect((await info('mv')).network[0]?.mac).toBe(mac);
    await root.ok(['clone', 'mv', 'copy']);
    expect((await info('copy')).network[0]?.mac).not.toBe(mac);
  });

  it('reaches its siblings in mode bridge only', async () => {
    for (const [mode, expected] of [
      ['bridge', true],
      ['private', false],
    ] as const) {
      for (const n of [11, 12]) {
        const settings = eth0('Kind=macvlan', `Link=${LAN}`, `Mode=${mode}`, `Address=198.51.100.${n}/24`);
        await create(`m${n}`, settings, '--start');
      }
      await reaches('m11', '198.51.100.2');
      expect(await pings('m11', '198.51.100.12'), mode).toBe(expected);
      await root.ok(['destroy', '--force', 'm11', 'm12']);
    }
  });

  it('has the MAC address of the link in mode passthru, and hears only who it is told of in mode source', async () => {
    const pass = eth0('Kind=macvlan', `Link=${LAN}`, 'Mode=passthru', 'Address=198.51.100.13/24');
    await create('pass', pass, '--start');
    await reaches('pass', '198.51.100.2');
    expect((await info('pass')).network[0]?.mac).toBe(macOf(LAN));
    // It is the only one there, at once after the one before, too.
    await root.ok(['restart', 'pass', '--kill']);
    await root.ok(['stop', 'pass', '--kill']);
    const far = /ether (\S+)/.exec((await lan.run('ip', 'link', 'show', 'inet')).stdout)?.[1];
    const source = (n: number, who: string) =>
      eth0(
        'Kind=macvlan',
        `Link=${LAN}`,
        'Mode=source',
        `SourceMACAddress=${who}`,
        `Address=198.51.100.${n}/24`,
      );
    await create('deaf', source(14, '02:00:00:00:00:09'), '--start');
    expect(await pings('deaf', '198.51.100.2')).toBe(false);
    await create('hears', source(15, `02:00:00:00:00:09 ${far}`), '--start');
    await reaches('hears', '198.51.100.2');
  });

  it('says what is wrong with the link', async () => {
    await create('lost', eth0('Kind=macvlan', 'Link=nowhere0'));
    const missing = await root.run(['start', 'lost']);
    expect(missing.exitCode).toBe(4);
    expect(missing.stderr).toContain('make macvlan eth0 on nowhere0: there is no link nowhere0');
    await ip('link add nowhere0 type bridge');
    try {
      const down = await root.run(['start', 'lost']);
      expect(down.exitCode).toBe(4);
      expect(down.stderr).toContain('nowhere0 is down');
      expect(down.stderr).toContain('ip link set LINK up');
      await ip('link set nowhere0 up');
      await root.ok(['start', 'lost']);
    } finally {
      await ip('link delete nowhere0');
    }
    await root.ok(['stop', '--kill', 'lost']);
    expect(link('nowhere0')).toBe(false);
  });
});
