import { existsSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { afterAll, beforeAll, expect } from 'vitest';
import type { ChangeResult } from '../../src/lifecycle/change-config.js';
import { outsideHost } from '../support/outside-host.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

const it = testNeeding(noRoot());
const root = useRoot();

const LAN = 'live-lan';
const GIVEN = 'live-nic';
const MAC = '02:00:00:00:89:01';

const eth1 = (...settings: string[]) => settings.map((one) => `Network.eth1.${one}`);
const ip = (words: string) => execa('ip', words.split(' '));
const linkIsThere = (name: string) => existsSync(`/sys/class/net/${name}`);
const pings = async (to: string) =>
  (await root.run(['exec', 'web', '-T', '--', 'ping', '-c', '1', '-W', '2', to])).exitCode === 0;
const reaches = (to: string) => until(`web reaches ${to}`, () => pings(to));

/** Changes the container while it runs, all at once. */
async function set(...settings: string[]): Promise<void> {
  const result = (await root.ok(['config', 'set', 'web', ...settings, '--json'])).json<ChangeResult>();
  expect(result.keys.map(({ state }) => state)).toEqual(settings.map(() => 'applied'));
}

/** It has not been started again. */
let init: number | null | undefined;
const stillTheSame = async () => expect((await root.info('web')).pid).toBe(init);
/** Of eth1, and how it looks inside. */
async function seen() {
  const link = (await root.info('web')).network.find(({ name }) => name === 'eth1');
  return { link, inside: await root.sh('web', 'ip addr show eth1; ip route') };
}

let lan: Awaited<ReturnType<typeof outsideHost>>;
beforeAll(async () => {
  lan = await outsideHost(LAN, '198.51.101', '2001:db8:7a');
  await ip(`link add ${GIVEN} type veth peer name live-far`);
  await ip(`link set ${GIVEN} address ${MAC} up`);
  await ip('addr add 198.18.19.1/24 dev live-far');
  await ip('addr add 198.18.20.1/24 dev live-far');
  await ip('link set live-far up');
});
afterAll(async () => {
  await ip('link delete live-far');
  await lan.dispose();
});

it('a running container gets each kind of interface, has it changed, and gives it back', async () => {
  await root.ok(['create', 'web', '--template', 'busybox', '--start']);
  init = (await root.info('web')).pid;
  await root.ok(['config', 'unset', 'web', 'Network eth0']); // its way out would be by that

  await set(...eth1('Kind=macvlan', `Link=${LAN}`, 'Address=198.51.101.10/24'));
  await reaches('198.51.101.2');
  const macvlan = await seen();
  expect(macvlan.link).toMatchObject({ kind: 'macvlan', link: LAN, addresses: ['198.51.101.10/24'] });
  // In place of the address another one, and another MTU; its MAC address stays.
  await set(...eth1('Address=198.51.101.11/24', 'MTUBytes=1300'));
  await reaches('198.51.101.2');
  const changed = await seen();
  expect(changed.inside).toContain('mtu 1300');
  expect(changed.inside).toContain('inet 198.51.101.11/24');
  expect(changed.inside).not.toContain('198.51.101.10');
  expect(changed.link?.mac).toBe(macvlan.link?.mac);
  expect((await lan.run('ip', 'neigh', 'show', '198.51.101.11')).stdout).toContain(changed.link?.mac);

  // What is of one kind becomes one of another.
  await root.ok(['config', 'unset', 'web', 'Network eth1']);
  expect(await root.sh('web', 'ls /sys/class/net')).toBe('lo');
  await set(...eth1('Kind=routed', 'Address=192.0.2.140/32'));
  await lan.run('ip', 'route', 'add', '192.0.2.140', 'via', '198.51.101.1');
  await lan.run('ip', 'route', 'add', '192.0.2.141', 'via', '198.51.101.1');
  await until('the host reaches web', async () => pingsFromHost('192.0.2.140'));
  const routed = (await seen()).link?.hostName ?? '';
  expect((await ip('route show 192.0.2.140')).stdout).toContain(`dev ${routed}`);
  await set(...eth1('Address=192.0.2.141/32'));
  await until('the host reaches web', async () => pingsFromHost('192.0.2.141'));
  expect((await ip('route show 192.0.2.140')).stdout).toBe('');
  // The fence is the new one, too.
  expect((await execa('nft', ['list', 'table', 'netdev', `tsct-${routed}`])).stdout).toContain('192.0.2.141');
  await root.ok(['config', 'unset', 'web', 'Network eth1']);
  expect(linkIsThere(routed)).toBe(false);
  expect((await execa('nft', ['list', 'tables'])).stdout).not.toContain(routed);

  await set(...eth1('Kind=physical', `Link=${GIVEN}`, 'Address=198.18.19.2/24'));
  expect(linkIsThere(GIVEN)).toBe(false);
  await reaches('198.18.19.1');
  await set(...eth1('Address=198.18.20.2/24', 'MTUBytes=1400'));
  await reaches('198.18.20.1');
  const given = await seen();
  expect(given.link).toMatchObject({ kind: 'physical', link: GIVEN, mac: MAC });
  expect(given.inside).toContain('mtu 1400');
  expect(given.inside).not.toContain('198.18.19.2');
  await root.ok(['config', 'unset', 'web', 'Network eth1']);
  expect(linkIsThere(GIVEN)).toBe(true);
  expect(readFileSync(`/sys/class/net/${GIVEN}/mtu`, 'utf8').trim()).toBe('1500');

  await stillTheSame();
});

async function pingsFromHost(to: string): Promise<boolean> {
  return (await execa('busybox', ['ping', '-c', '1', '-W', '2', to], { reject: false })).exitCode === 0;
}
