import { once } from 'node:events';
import { afterEach, beforeAll, expect, test } from 'vitest';
import type { ContainerInfo } from '../../src/lifecycle/info.js';
import { inside } from '../support/reach.js';
import { until, useRoot } from '../support/temp-root.js';
import { createGuest } from './boot.js';

// Guests that do not know that they have their address already, and ask for one.
const root = useRoot();
const name = 'dhcp';

const info = async () => (await root.ok(['info', name, '--json'])).json<ContainerInfo>();
const journal = () => root.sh(name, 'journalctl -b --no-pager');

beforeAll(() => createGuest(root, name, name));
afterEach(() => root.ok(['stop', '--kill', name]));

/** Boots the guest as `configure` leaves it and tells what becomes of its IPv4 addresses until `work` is done. */
async function changesDuring(
  configure: string,
  work: (ipv4: string, seen: readonly string[]) => Promise<void>,
): Promise<string[]> {
  await root.ok(['start', name, '--wait']);
  await root.sh(name, configure);
  await root.ok(['restart', name]);
  const { pid, network } = await info();
  const monitor = inside(pid)('ip', '-4', '-o', 'monitor', 'address');
  const seen: string[] = [];
  monitor.stdout.on('data', (text: Buffer) => seen.push(...String(text).trim().split('\n')));
  await once(monitor, 'spawn');
  try {
    await work(network[0]?.reserved[0]?.split('/')[0] ?? '', seen);
  } finally {
    monitor.kill('SIGKILL');
    await monitor;
  }
  return seen;
}

/** It has what tsct gave it and nothing else, and its way out. */
async function expectAsAllotted(ipv4: string): Promise<void> {
  expect(await root.sh(name, 'ip -4 -o addr show dev eth0')).toMatch(
    new RegExp(`^2: eth0 +inet ${ipv4}/24 [^\n]*$`),
  );
  expect(await root.sh(name, 'ip -4 route')).toContain(`default via ${ipv4.replace(/\d+$/, '1')} dev eth0`);
  expect((await info()).addresses[0]).toBe(`${ipv4}/24`);
}

test('ifupdown, by dhclient: the same address, also when it asks again', async () => {
  const changes = await changesDuring(
    String.raw`printf 'auto eth0\niface eth0 inet dhcp\n' >/etc/network/interfaces.d/eth0`,
    async (ipv4) => {
      await until('a lease', async () => (await journal()).includes(`bound to ${ipv4}`));
      expect(await root.sh(name, 'systemctl is-active networking')).toBe('active');
      await expectAsAllotted(ipv4);
      const again = await root.sh(name, 'dhclient -4 -1 -v -lf /var/lib/dhcp/dhclient.eth0.leases eth0 2>&1');
      expect(again).toContain(`DHCPREQUEST for ${ipv4} on eth0`);
      expect(again).toContain(`bound to ${ipv4}`);
      await expectAsAllotted(ipv4);
    },
  );
  expect(changes).toEqual([]);
});

test('systemd-networkd: the same address, which never goes, also when it is renewed', async () => {
  let ipv4 = '';
  const changes = await changesDuring(
    String.raw`rm -f /etc/network/interfaces.d/eth0
      printf '[Match]\nName=eth0\n[Network]\nDHCP=yes\n' >/etc/systemd/network/eth0.network
      systemctl enable systemd-networkd 2>&1`,
    async (allotted, seen) => {
      ipv4 = allotted;
      const acquired = `DHCPv4 address ${ipv4}/24`;
      await until('a lease', async () => (await journal()).includes(acquired));
      await root.sh(name, '/lib/systemd/systemd-networkd-wait-online --interface=eth0 --timeout=20');
      await expectAsAllotted(ipv4);
      await root.sh(name, 'sleep 2');
      const before = seen.length;
      await root.sh(name, 'networkctl renew eth0');
      await until('the renewal is seen', () => seen.length > before);
      await until('renewed', async () => /valid_lft (3600|3599)sec/.test(await root.sh(name, 'ip -4 addr')));
      await expectAsAllotted(ipv4);
    },
  );
  for (const change of changes) expect(change).toMatch(new RegExp(`^2: eth0 +inet ${ipv4}/24 `));
});
