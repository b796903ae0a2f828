import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect } from 'vitest';
import type { NetworkInfo } from '../../src/lifecycle/network-manage.js';
import { noRoot, systemdHost, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

const it = testNeeding(noRoot());
const root = useRoot();

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsct-names-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const network = async () => (await root.ok(['network', 'info', 'tsct0', '--json'])).json<NetworkInfo>();

it('the host knows a container where resolv.conf names the server of its network first', async () => {
  await root.ok(['create', 'web', '--template', 'busybox', '--start']);
  const { ipv4: subnet, service } = await network();
  expect(service).toEqual({ running: true, said: null });
  const file = join(dir, 'resolv.conf');
  writeFileSync(file, `nameserver ${subnet.replace(/0\/\d+$/, '1')}\n`);
  const ask = (name: string) =>
    execa(
      'unshare',
      ['--mount', 'sh', '-c', `mount --bind ${file} /etc/resolv.conf; getent ahostsv4 ${name}`],
      {
        reject: false,
      },
    );
  const { addresses } = (await root.ok(['info', 'web', '--json'])).json<{ addresses: string[] }>();
  expect((await ask('web.tsct')).stdout).toContain(addresses[0]?.split('/')[0]);
  expect((await ask('nobody.tsct')).exitCode).not.toBe(0);
});

it('a dnsmasq that refuses to run is told by network info, in its own words, and mended by repair', async () => {
  const broken = join(dir, 'dnsmasq');
  writeFileSync(broken, '#!/bin/sh\necho "dnsmasq: bad option in somebody\'s patch" >&2\nexit 1\n');
  chmodSync(broken, 0o755);
  await root.ok(['create', 'poor', '--template', 'busybox']);
  await root.ok(['start', 'poor'], { env: { PATH: `${dir}:${process.env['PATH']}` } });
  await until('it has failed', async () => (await network()).service?.running === false);
  expect((await root.ok(['network', 'info', 'tsct0'])).stdout).toMatch(
    // Under systemd it is the journal that has them.
    systemdHost()
      ? /^DNS: .*does not run.*journalctl/m
      : /^DNS: .*does not run.*bad option in somebody's patch/m,
  );
  await root.ok(['network', 'repair', 'tsct0']);
  expect((await network()).service).toEqual({ running: true, said: null });
});

it('a name goes with its container, though the guest has a lease', async () => {
  await root.ok(['create', 'web', '--template', 'busybox', '--start']);
  await root.ok(['create', 'peer', '--template', 'busybox', '--start']);
  const [address = ''] = (await root.ok(['info', 'web', '--json'])).json<{ addresses: string[] }>().addresses;
  const ipv4 = address.split('/')[0] ?? '';
  expect(await root.sh('web', 'udhcpc -i eth0 -n -q -s /bin/true 2>&1')).toContain(
    `lease of ${ipv4} obtained`,
  );
  const known = async () =>
    (await root.run(['exec', 'peer', '-T', '--', 'nslookup', 'web.tsct'])).stdout.includes(ipv4);
  expect(await known()).toBe(true);
  await root.ok(['stop', '--kill', 'web']);
  await until('it is not known any more', async () => !(await known()));
});
