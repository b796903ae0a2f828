import { describe, expect, it } from 'vitest';
import { TsctError } from '../../../src/base/errors.js';
import { editText, parseAssignment } from '../../../src/definition/edit.js';
import { parseFirewallMatch } from '../../../src/definition/firewall-values.js';
import { isInterfaceName, parseMac, parsePort } from '../../../src/definition/network-values.js';
import { parseDefinition } from '../../../src/definition/parse.js';
import { changedKeys } from '../../../src/lifecycle/pending.js';

const parse = (text: string) => parseDefinition([{ file: 'config', text }]);

function failure(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof TsctError) return `${error.message} | ${error.hint}`;
    throw error;
  }
  return expect.unreachable('no error');
}

describe('[Network IF]', () => {
  it('is one interface for each header, in their order', () => {
    const { interfaces, network, origins } = parse(
      '[Network]\nPrivate=no\n[Network eth1]\nPort=80:80\n[Network eth0]\nNetwork=lan\nMACAddress=02-AA-00-00-00-01\n[Network eth1]\nPort=[::1]:53:53/udp\n',
    );
    expect(network.private).toBe(false);
    expect(interfaces.map(({ name }) => name)).toEqual(['eth1', 'eth0']);
    expect(interfaces[0]?.network).toBe('tsct0');
    expect(interfaces[0]?.ports).toEqual([
      { host: 80, container: 80, count: 1, protocol: 'tcp' },
      { address: { version: 6, text: '::1' }, host: 53, container: 53, count: 1, protocol: 'udp' },
    ]);
    expect(interfaces[1]).toMatchObject({ network: 'lan', mac: '02:aa:00:00:00:01' });
    expect(origins.get('Network.eth1.Port')?.map(({ line }) => line)).toEqual([4, 9]);
  });

  it('is none in a config without such a section, and one when all that it has is a header', () => {
    expect(parse('[Network]\n').interfaces).toEqual([]);
    expect(parse('[Network eth0]').interfaces).toMatchObject([{ name: 'eth0', addresses: [] }]);
  });

  it('keeps drop-ins over the config, key by key', () => {
    const { interfaces } = parseDefinition([
      { file: 'config', text: '[Network eth0]\nPort=80:80\nNetwork=lan\n' },
      { file: 'config.d/1.conf', text: '[Network eth0]\nPort=\nNetwork=dmz\n' },
    ]);
    expect(interfaces).toMatchObject([{ network: 'dmz', ports: [] }]);
  });

  it.each([
    ['[Network lo]', 'config:1: [Network lo]: "lo" is not a name for an interface'],
    ['[Network a/b]', 'config:1: [Network a/b]: "a/b" is not'],
    ['[Network sixteenletters16]', 'config:1:'],
    ['[Exec eth0]', 'config:1: unknown section [Exec eth0]'],
    [
      '[Network eth0]\nPrivate=yes',
      'config:2: unknown key Private= in [Network eth0] | did you mean Private= in [Network]?',
    ],
    [
      '[Network eth0]\nPrt=1:1',
      'config:2: unknown key Prt= in [Network eth0] | did you mean Port= in [Network eth0]?',
    ],
    ['[Network]\nPort=1:1', 'config:2: unknown key Port= in [Network] | did you mean Port= in [Network IF]?'],
    [
      '[Network eth0]\nAddress=10.0.0.1',
      'config:2: Address=: "10.0.0.1" is not an address with a prefix length',
    ],
    ['[Network eth0]\nAddress=10.0.0.256/24', 'config:2: Address=: "10.0.0.256" is not an IP address'],
    ['[Network eth0]\nAddress=10.0.0.1/33', 'config:2: Address=: "10.0.0.1/33" has a prefix longer'],
    ['[Network eth0]\nAddress=127.0.0.1/8', 'config:2: Address=: "127.0.0.1/8" is no address for'],
    [
      '[Network eth0]\nAddress=fd00::1/64\nAddress=fd00:0::1/64',
      'config:3: Address=: fd00::1 is there already',
    ],
    [
      '[Network eth0]\nGateway=10.0.0.1\nGateway=10.0.0.2',
      'config:3: Gateway=: there are 2 default routes for IPv4',
    ],
    ['[Network eth0]\nNetwork=lan\nBridge=br0', 'config:3: Bridge=: eth0 is on a network already'],
    ['[Network eth0]\nBridge=br0\nPort=1:1', 'config:3: Port=: eth0 is on br0, which is no network of tsct'],
    [
      '[Network eth0]\nKind=macvlan',
      'config:2: Kind=: eth0 is macvlan, and has no Link= | add Link= to [Network eth0]',
    ],
    ['[Network eth0]\nKind=routed', 'config:2: Kind=: eth0 is routed, and has no Address='],
    ['[Network eth0]\nKind=vlan\nLink=e0', 'config:2: Kind=: eth0 is vlan, and has no VLANId='],
    ['[Network eth0]\nKind=vlan\nLink=e0\nVLANId=4095', 'config:4: VLANId=: "4095" is not a whole number'],
    [
      '[Network eth0]\nKind=macvlan\nLink=e0\nPort=1:1',
      'config:4: Port=: eth0 is of Kind=macvlan, which has no such thing | take Port= out, or choose Kind=bridge',
    ],
    ['[Network eth0]\nLink=e0', 'config:2: Link=: eth0 is of Kind=bridge, which has no such thing'],
    [
      '[Network eth0]\nKind=routed\nAddress=10.0.0.2/32\nGateway=10.0.0.1',
      'config:4: Gateway=: eth0 is of Kind=routed',
    ],
    [
      '[Network eth0]\nKind=physical\nLink=e0\nMACAddress=02:00:00:00:00:01',
      'config:4: MACAddress=: eth0 is of',
    ],
    [
      '[Network eth0]\nKind=ipvlan\nLink=e0\nMode=bridge',
      'config:4: Mode=: bridge is no mode of Kind=ipvlan | choose one of l2, l3, l3s',
    ],
    ['[Network eth0]\nKind=macvlan\nLink=e0\nMode=source', 'config:4: Mode=: eth0 would hear nobody'],
    [
      '[Network eth0]\nKind=macvlan\nLink=e0\nSourceMACAddress=02:00:00:00:00:01',
      'config:4: SourceMACAddress=: eth0 hears everybody',
    ],
    ['[Network]\nNamespace=a/b', 'config:2: Namespace=: "a/b" is neither own, host, container:NAME'],
    [
      '[Network]\nNamespace=host\nPrivate=yes',
      'config:2: Namespace=: the network is host, and there is Private=yes',
    ],
    [
      '[Network]\nNamespace=host\n[Network eth0]',
      'config:2: Namespace=: the network is host, and there is [Network eth0]',
    ],
    ['[Network eth0]\nMTUBytes=500', 'config:2: MTUBytes=: "500" is not a whole number from 1280'],
    ['[Network eth0]\nNetwork=Lan', 'config:2: Network=: "Lan" is not the name of a network'],
    ['[Network eth0]\nDNS=one.example', 'config:2: DNS=: "one.example" is not an IP address'],
  ])('%j is an error with its line', (text, said) => {
    expect(failure(text)).toContain(said);
  });

  it('is changed from the command line', () => {
    const text = ['Network.eth0.Port=80:80', 'Network.eth0.Port=81:81', 'Network.Private=yes'].reduce(
      (config, item) => editText(config, parseAssignment(item), '--set'),
      '[Network eth0]\nNetwork=tsct0\n',
    );
    expect(text).toBe('[Network eth0]\nNetwork=tsct0\nPort=80:80\nPort=81:81\n\n[Network]\nPrivate=yes\n');
  });

  it('is pending by its name on the command line', () => {
    const before = parse('[Network eth0]\n');
    expect(changedKeys(before, parse('[Network eth0]\nPort=80:80\n'))).toEqual(['Network.eth0.Port']);
    expect(changedKeys(before, parse('[Network eth0]\n[Network eth1]\n'))).toEqual([
      'Network.eth1.Network',
      'Network.eth1.Kind',
    ]);
  });
});

describe('values', () => {
  it.each([
    '8080',
    '80:80/sctp',
    '0:80',
    '80:0',
    '90-80:80',
    '65530-65535:65533',
    '80:80:80',
    'a:80:80',
    '1.2.3.300:80:80',
  ])('Port=%s is refused', (text) => {
    expect(() => parsePort(text)).toThrow(expect.objectContaining({ code: 'TSCT_BAD_VALUE' }));
  });

  it('Port= takes ranges', () => {
    expect(parsePort('127.0.0.1:8000-8009:80/udp')).toEqual([
      { address: { version: 4, text: '127.0.0.1' }, host: 8000, container: 80, count: 10, protocol: 'udp' },
    ]);
  });

  it.each(['01:00:5e:00:00:01', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00', '02:00:00:00:00', 'x'])(
    'MACAddress=%s is refused',
    (text) => {
      expect(() => parseMac(text)).toThrow(expect.objectContaining({ code: 'TSCT_BAD_VALUE' }));
    },
  );

  it.each([
    ['eth0', true],
    ['eth0.10', true],
    ['a23456789012345', true],
    ['a234567890123456', false],
    ['', false],
    ['.', false],
    ['a b', false],
    ['a:b', false],
  ])('%j as name of an interface: %s', (name, isOne) => {
    expect(isInterfaceName(name)).toBe(isOne);
  });

  it('Allow= and Deny= keep their order among each other, by hand and by the command line', () => {
    const lines = ['Deny=out any udp', 'Allow=out any', 'Deny=in 10.1.2.3/8 tcp 80-90'];
    const text = lines.reduce(
      (before, line) => editText(before, parseAssignment(`Network.eth0.${line}`), '--set'),
      '[Network eth0]\n[Exec]\n',
    );
    expect(text).toBe(`[Network eth0]\n${lines.join('\n')}\n[Exec]\n`);
    const { origins } = parse(text);
    const orders = ['Deny', 'Allow'].map((key) =>
      origins.get(`Network.eth0.${key}`)?.map(({ order }) => order),
    );
    expect(orders).toEqual([[0, 2], [1]]);
    expect(parseFirewallMatch('in 10.1.2.3/8 tcp 80-90')).toEqual([
      {
        direction: 'in',
        peer: { version: 4, text: '10.0.0.0', length: 8 },
        protocol: 'tcp',
        ports: { first: 80, last: 90 },
      },
    ]);
  });

  it.each([
    'in',
    'any',
    'up any',
    'in any sctp',
    'in any icmp 8',
    'in any tcp 0',
    'in any tcp 9-8',
    'in any tcp 1 2',
    'in 1.2.3',
    'out ::/129',
  ])('Allow=%s is refused', (text) => {
    expect(() => parseFirewallMatch(text)).toThrow(expect.objectContaining({ code: 'TSCT_BAD_VALUE' }));
  });

  it.each(['Allow=in any', 'Deny=out any', 'Isolated=yes', 'Priority=1'])(
    '%s is refused on a bridge that is not of tsct',
    (line) => {
      expect(failure(`[Network eth0]\nBridge=br0\n${line}\n`)).toMatch(
        /config:3: \w+=: eth0 is on br0, which is no network of tsct \| take \w+= or Bridge= out/,
      );
    },
  );
});
