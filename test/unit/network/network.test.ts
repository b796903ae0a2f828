import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contains, fromNumber, overlaps, parseCidr, parseIp, toNumber } from '../../../src/base/ip.js';
import { chooseAddress, isForContainers, roomIn } from '../../../src/network/allocate.js';
import { dhcpRecord, dnsmasqArgv, hostsRecord } from '../../../src/network/dnsmasq.js';
import {
  bridgeName,
  linkLocalAddress,
  portName,
  slaacAddress,
  stableMac,
} from '../../../src/network/links.js';
import { portRules } from '../../../src/network/port-rules.js';
import { networkRuleset, type RuledNetwork } from '../../../src/network/ruleset.js';
import { chooseIpv4Subnet, chooseIpv6Subnet, gatewayOf } from '../../../src/network/subnet.js';

const NETWORK: RuledNetwork = {
  bridge: 'tsct0',
  mac: '02:00:00:00:00:01',
  ipv4: parseCidr('10.80.1.0/24'),
  ipv6: parseCidr('fd12:3456:789a::/64'),
};
const PORT = {
  link: 'vt12345678',
  mac: '02:11:22:33:44:55',
  addresses: [parseCidr('10.80.1.7/24'), parseCidr('fd12:3456:789a::7/64')],
};

/** What nft(8) says of a text, in a network namespace of its own; empty: it takes it. */
function nft(text: string): string {
  const { stderr, status } = spawnSync('unshare', ['--net', 'nft', '-f', '-'], {
    input: text,
    encoding: 'utf8',
  });
  return status === 0 ? '' : stderr || `exit ${status}`;
}

describe('addresses', () => {
  it('are numbers and back', () => {
    fc.assert(fc.property(fc.bigInt(0n, 2n ** 32n - 1n), (n) => toNumber(fromNumber(n, 4)) === n));
    fc.assert(fc.property(fc.bigInt(0n, 2n ** 128n - 1n), (n) => toNumber(fromNumber(n, 6)) === n));
  });

  it.each(['1.2.3', '01.2.3.4.5', '0x7f.1', '::1%eth0', '10.0.0.0/8', 'fe80', ''])('%j is none', (text) => {
    expect(() => parseIp(text)).toThrow(expect.objectContaining({ code: 'TSCT_BAD_VALUE' }));
  });

  it('are in networks or not', () => {
    expect(contains(parseCidr('10.1.0.0/16'), parseIp('10.1.255.1'))).toBe(true);
    expect(contains(parseCidr('10.1.0.0/16'), parseIp('10.2.0.0'))).toBe(false);
    expect(contains(parseCidr('::/0'), parseIp('10.2.0.0'))).toBe(false);
    expect(overlaps(parseCidr('10.1.2.0/24'), parseCidr('10.0.0.0/8'))).toBe(true);
    expect(overlaps(parseCidr('10.1.2.0/24'), parseCidr('10.1.3.0/24'))).toBe(false);
  });
});

describe('subnets', () => {
  it('collide with no route, and not with a default one', () => {
    const taken = ['0.0.0.0/0', '10.64.0.0/11', '10.96.0.0/12', '10.112.0.0/13', '10.120.7.0/24'].map(
      parseCidr,
    );
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (random) => {
        const subnet = chooseIpv4Subnet(taken, random);
        return taken.slice(1).every((route) => !overlaps(route, subnet)) && subnet.text.startsWith('10.12');
      }),
    );
    expect(() => chooseIpv4Subnet([parseCidr('10.0.0.0/8')], 0)).toThrow(
      expect.objectContaining({ code: 'TSCT_NO_SUBNET', exitCode: 5 }),
    );
  });

  it('of IPv6 are unique local ones', () => {
    const bytes = [Uint8Array.of(1, 2, 3, 4, 5), Uint8Array.of(0xa, 0xb, 0xc, 0xd, 0xe)];
    const subnet = chooseIpv6Subnet([parseCidr('fd01:203::/32')], () => bytes.shift() as Uint8Array);
    expect(subnet).toMatchObject({ text: 'fd0a:b0c:d0e::', length: 64 });
    expect(gatewayOf(subnet).text).toBe('fd0a:b0c:d0e::1');
  });
});

describe('chooseAddress', () => {
  it('fills a subnet to the last address, each once, and then says so', () => {
    for (const text of ['10.80.1.0/24', '10.80.1.0/28', '10.80.1.4/30']) {
      const subnet = parseCidr(text);
      const taken = new Set<string>();
      for (let i = 0; i < Number(roomIn(subnet)); i++) {
        const address = chooseAddress('lan', subnet, { container: `c${i}`, taken });
        expect(taken.has(address)).toBe(false);
        expect(isForContainers(subnet, address)).toBe(true);
        taken.add(address);
      }
      expect(() => chooseAddress('lan', subnet, { container: 'one-more', taken })).toThrow(
        expect.objectContaining({
          code: 'TSCT_NETWORK_FULL',
          message: expect.stringContaining('network lan'),
        }),
      );
    }
    expect(roomIn(parseCidr('10.80.1.0/24'))).toBe(253n);
  });

  it('gives the same name the same address', () => {
    const choose = () => chooseAddress('lan', NETWORK.ipv4, { container: 'web', taken: new Set() });
    expect(choose()).toBe(choose());
  });
});

describe('links', () => {
  it('have names that fit, apart for each state root', () => {
    expect(bridgeName('tsct0', '')).toBe('tsct0');
    expect(bridgeName('tsct0', '01234567')).toBe('tsct0-01234567');
    const long = ['webnet1', 'webnet2', 'fifteen-letters'].map((name) => bridgeName(name, '01234567'));
    expect(new Set(long).size).toBe(3);
    for (const name of [...long, portName('web_01234567', 'eth0')])
      expect(name.length).toBeLessThanOrEqual(15);
  });

  it('have MACs of one station that are administered locally', () => {
    expect(stableMac('uuid', 'eth0')).toMatch(/^02(:[0-9a-f]{2}){5}$/);
    expect(stableMac('uuid', 'eth0')).not.toBe(stableMac('uuid', 'eth1'));
  });

  it('have the addresses that RFC 4291 makes of a MAC', () => {
    expect(linkLocalAddress('34:56:78:9a:bc:de')).toBe('fe80::3656:78ff:fe9a:bcde');
    expect(slaacAddress(NETWORK.ipv6, '02:00:00:00:00:01')).toBe('fd12:3456:789a::ff:fe00:1');
  });
});

describe('rules', () => {
  const rules = portRules(NETWORK, PORT, [
    { protocol: 'tcp', host: 8000, container: 80, count: 3 },
    { protocol: 'udp', host: 53, container: 53, count: 1, at: parseIp('192.0.2.1') },
    { protocol: 'udp', host: 53, container: 53, count: 1, at: parseIp('::1') },
  ]);
  const ruleset = networkRuleset(NETWORK);

  it('are what nft takes, once and again', () => {
    expect(nft(ruleset)).toBe('');
    expect(nft(`${ruleset}${rules.add}`)).toBe('');
    expect(
      nft(`${ruleset}${rules.add}${ruleset}${rules.add}${rules.add}${rules.remove}${rules.remove}`),
    ).toBe('');
    expect(nft(`${ruleset}add element bridge tsct-tsct0 nothing { 1 }`)).not.toBe('');
  });

  it('of fences are what nft takes, and are taken out again', () => {
    const fenced = {
      ...PORT,
      priority: 5,
      isIsolated: true,
      firewall: [
        {
          action: 'allow',
          direction: 'in',
          peer: parseCidr('198.51.100.0/24'),
          protocol: 'tcp',
          ports: { first: 80, last: 90 },
        },
        { action: 'deny', direction: 'in', peer: parseCidr('fd00::/8'), protocol: 'icmp' },
        {
          action: 'allow',
          direction: 'out',
          peer: 'gateway',
          protocol: 'udp',
          ports: { first: 53, last: 53 },
        },
        { action: 'deny', direction: 'out', peer: 'any', protocol: 'icmp' },
        { action: 'deny', direction: 'out', peer: 'any' },
      ],
    } as const;
    const { add, remove } = portRules(NETWORK, fenced, []);
    expect(nft(`${ruleset}${add}${ruleset}${add}${add}${remove}${remove}`)).toBe('');
    const listed = (text: string) =>
      spawnSync('unshare', ['--net', 'nft', '-f', '-'], { input: `${text}list ruleset`, encoding: 'utf8' })
        .stdout;
    expect(listed(`${ruleset}${add}${remove}`)).toBe(listed(ruleset));
    expect(listed(`${ruleset}${add}${add}`)).toBe(listed(`${ruleset}${add}`));
  });

  it('of a port that somebody has published already are refused', () => {
    const other = portRules(
      NETWORK,
      { ...PORT, link: 'vt00000000', addresses: [parseCidr('10.80.1.8/24')] },
      [{ protocol: 'tcp', host: 8002, container: 80, count: 1 }],
    );
    expect(nft(`${ruleset}${rules.add}${other.add}`)).not.toBe('');
  });

  it('of a port on 0.0.0.0 or :: hold for every address of that kind', () => {
    const { add } = portRules(NETWORK, PORT, [
      { protocol: 'tcp', host: 8000, container: 80, count: 1, at: parseIp('0.0.0.0') },
      { protocol: 'tcp', host: 8000, container: 80, count: 1, at: parseIp('::') },
    ]);
    expect(add).toContain('port4 { tcp . 8000 :');
    expect(add).toContain('port6 { tcp . 8000 :');
    expect(add).not.toContain('_at');
    expect(nft(`${ruleset}${add}`)).toBe('');
  });

  it('take out all that they put in', () => {
    const list = `${ruleset}${rules.add}${rules.remove}list ruleset`;
    const { stdout } = spawnSync('unshare', ['--net', 'nft', '-f', '-'], { input: list, encoding: 'utf8' });
    expect(stdout).toContain('set ports');
    expect(stdout).not.toContain('elements');
  });
});

describe('dnsmasq', () => {
  it('takes its words', () => {
    const argv = dnsmasqArgv('dnsmasq', NETWORK, '/tmp').filter((word) => !word.includes('/tmp/'));
    const { stderr, status } = spawnSync('dnsmasq', ['--test', ...argv.slice(1)], { encoding: 'utf8' });
    expect(`${status} ${stderr.trim()}`).toBe('0 dnsmasq: syntax check OK.');
    expect(argv).toContain('--dhcp-range=10.80.1.0,static,255.255.255.0,1h');
    const wide = dnsmasqArgv('dnsmasq', { ...NETWORK, ipv4: parseCidr('10.80.0.0/22') }, '/tmp');
    expect(wide).toContain('--dhcp-range=10.80.0.0,static,255.255.252.0,1h');
  });

  it('is told names, those with dots below the domain only', () => {
    expect(hostsRecord('web', [PORT])).toBe('10.80.1.7 web.tsct web\nfd12:3456:789a::7 web.tsct web\n');
    expect(hostsRecord('www.example', [PORT])).toBe(
      '10.80.1.7 www.example.tsct\nfd12:3456:789a::7 www.example.tsct\n',
    );
    expect(dhcpRecord('web', [PORT])).toBe('02:11:22:33:44:55,10.80.1.7,web\n');
    expect(dhcpRecord('www.example', [PORT])).toBe('02:11:22:33:44:55,10.80.1.7\n');
  });
});
