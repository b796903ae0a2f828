import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import type { ChangeResult } from '../../src/lifecycle/change-config.js';
import { outsideHost } from '../support/outside-host.js';
import { type Inside, inside, ping, same, tcp, together, withServers } from '../support/reach.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

// Several ways out of one container, and who finds the way to it.
const it = testNeeding(noRoot());
const root = useRoot();

const LINK = 'ways-test';
let lan: Awaited<ReturnType<typeof outsideHost>>;
beforeEach(async () => {
  lan = await outsideHost(LINK, '198.18.183', '2001:db8:84');
});
afterEach(() => lan.dispose());

const settings = (link: string, ...lines: string[]) => lines.map((line) => `Network.${link}.${line}`);

async function start(...set: string[]): Promise<Inside> {
  await root.ok([
    'create',
    'two',
    '--template',
    'busybox',
    '--start',
    ...set.flatMap((one) => ['--set', one]),
  ]);
  return inside((await root.info('two')).pid);
}

async function set(...words: string[]): Promise<void> {
  const result = (await root.ok(['config', ...words, '--json'])).json<ChangeResult>();
  expect(new Set(result.keys.map(({ state }) => state))).toEqual(new Set(['applied']));
}

const ROUTED = ['Kind=routed', 'Address=192.0.2.190/32', 'Address=2001:db8:85::190/128'];
const rules = async (net: Inside) =>
  (await Promise.all(['-4', '-6'].map((version) => net('ip', version, 'rule'))))
    .map(({ stdout }) => stdout)
    .join('\n');

describe('beside the interface that has the default route', () => {
  beforeEach(async () => {
    await lan.run('ip', 'route', 'add', '192.0.2.190', 'via', '198.18.183.1');
    await lan.run('ip', 'route', 'add', '2001:db8:85::190', 'via', '2001:db8:84::1');
  });
  const byRouted = () =>
    together({
      'ping routed': ping(lan.run, '192.0.2.190'),
      'ping routed, IPv6': ping(lan.run, '2001:db8:85::190'),
    });
  const byNetwork = () =>
    together({
      published: tcp(lan.run, '198.18.183.1', 18190),
      'published, IPv6': tcp(lan.run, '2001:db8:84::1', 18190),
    });

  it('a routed one answers by itself', async () => {
    const net = await start(...settings('eth0', 'Port=18190:80'), ...settings('eth1', ...ROUTED));
    await withServers([net], { tcp: [80], udp: [] }, async () => {
      const all = { ...(await byRouted()), ...(await byNetwork()) };
      expect(all).toEqual(same(all, true));
      expect(await ping(net, '198.18.183.2')).toBe(true);
      // Without the rules answers go by eth0, and its guard lets none out that is not from its own address.
      for (const version of ['-4', '-6']) await net('ip', version, 'rule', 'del', 'priority', '32000');
      const lost = await byRouted();
      expect(lost).toEqual(same(lost, false));
    });
  });

  it('one on a network of tsct answers by itself', async () => {
    const net = await start(...settings('eth0', ...ROUTED), ...settings('eth1', 'Port=18190:80'));
    await withServers([net], { tcp: [80], udp: [] }, async () => {
      const all = { ...(await byRouted()), ...(await byNetwork()) };
      expect(all).toEqual(same(all, true));
      // Neighbours stay neighbours: its gateway is one.
      const gateway = String(
        (await net('ip', 'route', 'show', 'table', 'all', 'default', 'dev', 'eth1')).stdout,
      );
      const source = (await root.info('two')).network[1]?.addresses[0]?.split('/')[0] ?? '';
      const via = /via (\S+)/.exec(gateway)?.[1] ?? '';
      expect((await net('ip', 'route', 'get', via, 'from', source)).stdout).not.toContain('via');
      for (const version of ['-4', '-6']) await net('ip', version, 'rule', 'del', 'priority', '32000');
      const lost = await byNetwork();
      expect(lost).toEqual(same(lost, false));
    });
  });

  it('it comes and goes while the container runs, with its rules', async () => {
    const net = await start();
    const before = await rules(net);
    await set('set', 'two', ...settings('eth1', 'Kind=routed', 'Address=192.0.2.190/32'));
    await until('it answers', () => ping(lan.run, '192.0.2.190'));
    await set('unset', 'two', 'Network eth1');
    expect(await rules(net)).toBe(before);
    // In place: of a port of a bridge that gets another address.
    await root.ok(['network', 'create', 'second', '--ipv4', '10.99.183.0/24']);
    try {
      await set('set', 'two', ...settings('eth1', 'Network=second', 'Address=10.99.183.20/24'));
      expect(await rules(net)).toContain('from 10.99.183.20');
      await set('set', 'two', ...settings('eth1', 'Address=10.99.183.21/24'));
      const changed = await rules(net);
      expect(changed).toContain('from 10.99.183.21');
      expect(changed).not.toContain('from 10.99.183.20 ');
      await set('unset', 'two', 'Network eth1');
      expect(await rules(net)).toBe(before);
    } finally {
      await root.ok(['destroy', '--force', 'two']);
      await root.ok(['network', 'destroy', 'second']);
    }
  });
});

it('Link= has the host answer for a routed one, for machines that take it for their neighbour', async () => {
  const proxies = async () =>
    (
      await Promise.all(
        ['-4', '-6'].map((version) => execa('ip', [version, 'neigh', 'show', 'proxy', 'dev', LINK])),
      )
    )
      .map(({ stdout }) => stdout)
      .join('\n')
      .trim();
  const near = ['Kind=routed', 'Address=198.18.183.50/32', 'Address=2001:db8:84::50/128'];
  const asked = () =>
    together({
      in: ping(lan.run, '198.18.183.50'),
      'in, IPv6': ping(lan.run, '2001:db8:84::50'),
    });
  const net = await start(...settings('eth0', ...near));
  const lost = await asked();
  expect(lost).toEqual(same(lost, false));
  await lan.run('ip', 'neigh', 'flush', 'all');
  await set('set', 'two', ...settings('eth0', `Link=${LINK}`));
  await until('it is found', async () => !Object.values(await asked()).includes(false));
  expect(await ping(net, '198.18.183.2')).toBe(true);
  expect(await proxies()).toContain('198.18.183.50');
  process.kill((await root.info('two')).supervisorPid as number, 'SIGKILL');
  await root.ok(['list']);
  expect(await proxies()).toBe('');
  await set('set', 'two', ...settings('eth0', 'Link=nowhere0'));
  const failed = await root.run(['start', 'two']);
  expect(failed.exitCode).toBe(4);
  expect(failed.stderr).toContain('answer on link nowhere0 for eth0: there is no link nowhere0');
});
