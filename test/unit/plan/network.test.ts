import { describe, expect, it } from 'vitest';
import { buildPlan } from '../../../src/plan/build-plan.js';
import { CONNECTED, sampleInput } from './sample-input.js';

const plan = (config: string, changes = {}) =>
  buildPlan(sampleInput(config, { ...CONNECTED, ...changes })).tsct;
const resolvConf = (config: string) =>
  plan(config).files.find(({ path }) => path === '/etc/resolv.conf') as { content: string } | undefined;

describe('network of a plan', () => {
  it('is none for a container without interfaces, a private one, and a change to a stopped root', () => {
    expect(plan('').network).toBeUndefined();
    expect(plan('[Network]\nPrivate=yes\n[Network eth0]\n').network).toBeUndefined();
    expect(plan('[Network eth0]\n', { writesTo: 'kept' }).network).toBeUndefined();
  });

  it('has the default route of the interface that says one, else of the first', () => {
    const fixed = '[Network eth1]\nBridge=br0\nAddress=198.18.0.2/24\n';
    const ways = (config: string) =>
      plan(config).network?.interfaces.map(({ name, routes }) => [name, routes.map(({ via }) => via)]);
    expect(ways(`[Network eth0]\n${fixed}`)).toEqual([
      ['eth0', ['10.80.1.1', 'fd12:3456:789a::1']],
      ['eth1', []],
    ]);
    expect(ways(`[Network eth0]\n${fixed}Gateway=198.18.0.1\n`)).toEqual([
      ['eth0', ['fd12:3456:789a::1']],
      ['eth1', ['198.18.0.1']],
    ]);
    expect(() => ways(`${fixed}Gateway=198.19.0.1\n`)).toThrow(
      /config:4: Gateway=: 198.19.0.1 is in no subnet/,
    );
  });

  it('takes static addresses in place of its own of that kind', () => {
    const { network } = plan('[Network eth0]\nAddress=10.80.1.9/24\n');
    expect(network?.interfaces[0]?.addresses).toEqual([
      '10.80.1.9/24',
      'fd12:3456:789a:0:11:22ff:fe33:4455/64',
    ]);
    expect(network?.networks[0]?.records.dhcp).toBe('02:11:22:33:44:55,10.80.1.9,web\n');
  });

  it('fills resolv.conf unless told not to', () => {
    expect(resolvConf('[Network eth0]\n')?.content).toContain(
      'search tsct\nnameserver 10.80.1.1\nnameserver fd12:3456:789a::1\n',
    );
    expect(resolvConf('[Network eth0]\nDNS=192.0.2.1\n')?.content).toMatch(
      /search tsct\nnameserver 192.0.2.1\n$/,
    );
    expect(resolvConf('[Exec]\nResolvConf=off\n[Network eth0]\n')).toBeUndefined();
    expect(resolvConf('[Files]\nReadOnly=yes\n[Network eth0]\n')).toBeUndefined();
    expect(resolvConf('')).toBeUndefined();
  });
});

describe('kinds', () => {
  const kinds = (config: string) =>
    plan(config, { linkMacs: { eno2: '52:54:00:12:34:56' } }).network?.interfaces ?? [];

  it('routed has each address by itself, its ways by the host, and a table that lets nothing else out', () => {
    const [routed] = kinds('[Network eth0]\nKind=routed\nAddress=198.18.0.2/24\n');
    expect(routed).toMatchObject({
      kind: 'routed',
      addresses: ['198.18.0.2/32'],
      hostAddresses: ['169.254.1.1/32'],
      routes: [{ to: '0.0.0.0/0', via: '169.254.1.1', onLink: true }],
    });
    expect(routed?.bridge).toBeUndefined();
    const families = ['netdev', 'inet', 'arp'];
    expect(routed?.tables?.names).toEqual(families.map((family) => `${family} tsct-${routed?.hostName}`));
    expect(routed?.tables?.ruleset).toContain('ip saddr { 198.18.0.2 } accept');
    expect(routed?.tables?.ruleset).toContain('policy drop');
    // The others are only where there is something to say in them.
    expect(routed?.tables?.ruleset.match(/ \{$/gm)).toHaveLength(2);
  });

  it('has a MAC address of its own where the link under it does not lend its', () => {
    const link = (words: string) => kinds(`[Network eth0]\nLink=eno2\n${words}\n`)[0];
    expect(link('Kind=macvlan')).toMatchObject({ mac: '02:11:22:33:44:55', link: 'eno2', mode: 'bridge' });
    expect(link('Kind=macvlan\nMode=passthru')?.mac).toBeUndefined();
    expect(link('Kind=ipvlan')?.mac).toBeUndefined();
    expect(link('Kind=vlan\nVLANId=5')).toMatchObject({ mac: '02:11:22:33:44:55', vlanId: 5 });
    expect(link('Kind=physical')).toMatchObject({ mac: '52:54:00:12:34:56' });
  });

  it('ipvlan l3 goes out by its link, l2 by a gateway', () => {
    const routes = (words: string) =>
      kinds(`[Network eth0]\nKind=ipvlan\nLink=eno2\nAddress=198.18.0.2/24\n${words}\n`)[0]?.routes;
    expect(routes('Mode=l3')).toEqual([{ to: '0.0.0.0/0' }]);
    expect(routes('')).toEqual([]);
    expect(routes('Gateway=198.18.0.1')).toEqual([{ to: '0.0.0.0/0', via: '198.18.0.1' }]);
  });
});

describe('Namespace=', () => {
  it('joins instead of making one, for a run only', () => {
    expect(plan('[Network]\nNamespace=host\n').network).toEqual({
      networks: [],
      interfaces: [],
      joins: { whose: 'host' },
    });
    expect(plan('[Network]\nNamespace=blue\n').network?.joins).toEqual({
      whose: 'file',
      path: '/run/netns/blue',
    });
    expect(plan('[Network]\nNamespace=host\n').proc.writableSys).toEqual([]);
    expect(plan('[Network]\nNamespace=host\n', { writesTo: 'kept' }).network).toBeUndefined();
    expect(resolvConf('[Network]\nNamespace=host\n')?.content).toBe('nameserver 192.0.2.53\n');
  });
});
