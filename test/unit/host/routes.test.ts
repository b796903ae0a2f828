import { describe, expect, it } from 'vitest';
import { ipv4Addresses, parseFibTrie, parseIfInet6, parseIpv6Routes } from '../../../src/host/routes.js';

const TRIE = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.80.1.0/24 2 0 1
        |-- 10.80.1.0
           /24 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.80.1.7
        /32 host LOCAL
     |-- 10.80.1.255
        /32 link BROADCAST
     |-- 127.0.0.1
        /32 host LOCAL
`;
const ROUTES = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101500A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0001500A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
`;

describe('routes', () => {
  it('are the leaves of the tries', () => {
    expect(parseFibTrie(TRIE).map(({ text, length }) => `${text}/${length}`)).toEqual([
      '0.0.0.0/0',
      '10.80.1.0/24',
      '10.80.1.7/32',
      '10.80.1.255/32',
      '127.0.0.1/32',
    ]);
  });

  it('of IPv6 are hexadecimal', () => {
    const line = `fd123456789a00000000000000000000 40 ${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00000100 1 0 1 eth0\n`;
    expect(parseIpv6Routes(line)).toEqual([{ version: 6, text: 'fd12:3456:789a::', length: 64 }]);
  });
});

describe('addresses of an interface', () => {
  it('are the local ones, with length and link of the route to their network', () => {
    expect(ipv4Addresses(TRIE, ROUTES)).toEqual([
      { version: 4, text: '10.80.1.7', length: 24, link: 'eth0' },
    ]);
  });

  it('of IPv6 are in a file of their own', () => {
    expect(parseIfInet6('fd123456789a00000000000000000007 02 40 00 80     eth0\n')).toEqual([
      { version: 6, text: 'fd12:3456:789a::7', length: 64, link: 'eth0' },
    ]);
  });
});
