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
