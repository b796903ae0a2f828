import { join } from 'node:path';
import { type Cidr, networkOf } from '../base/ip.js';
import type { HostPath } from '../base/paths.js';
import type { RuledNetwork } from './ruleset.js';

/** Names of containers are below it. */
export const DOMAIN = 'tsct';

/**
 * dnsmasq(8) for one network, in the foreground: answers only what it has a record of, takes no name from a guest,
 * keeps nothing on disk. Records are files that it watches: nobody has to tell it. What its advertisements say of IPv6
 * addresses counts for the ones that tsct gave, too: they have to be for ever.
 * @param runDir of the network: hosts.d and dhcp.d are in it.
 */
export function dnsmasqArgv(
  program: HostPath,
  { bridge, ipv4, ipv6 }: RuledNetwork,
  runDir: HostPath,
): string[] {
  return [
    program,
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--pid-file=',
    '--log-facility=-',
    '--quiet-dhcp',
    '--quiet-ra',
    `--interface=${bridge}`,
    '--except-interface=lo',
    '--bind-dynamic',
    '--no-hosts',
    `--hostsdir=${join(runDir, 'hosts.d')}`,
    // A lease lasts longer than its interface may, and has its name with it: where nobody asks for it.
    `--domain=lease.${DOMAIN}`,
    '--dhcp-fqdn',
    `--local=/${DOMAIN}/`,
    '--domain-needed',
    '--bogus-priv',
    '--dhcp-authoritative',
    '--dhcp-ignore-names',
    '--leasefile-ro',
    `--dhcp-hostsdir=${join(runDir, 'dhcp.d')}`,
    `--dhcp-range=${networkOf(ipv4).text},static,${netmask(ipv4)},1h`,
    '--enable-ra',
    `--dhcp-range=${networkOf(ipv6).text},ra-only,${ipv6.length},infinite`,
    `--dhcp-option=option:domain-name,${DOMAIN}`,
    `--dhcp-option=option:domain-search,${DOMAIN}`,
    `--dhcp-option=option6:domain-search,${DOMAIN}`,
  ];
}

function netmask({ length }: Cidr): string {
  const mask = 0xffffffff - (2 ** (32 - length) - 1);
  return [24, 16, 8, 0].map((shift) => (mask >>> shift) & 0xff).join('.');
}

/** A container's entry in each network that it is on. */
export interface NamedInterface {
  readonly mac: string;
  readonly addresses: readonly Cidr[];
}

/**
 * Its lines for hosts.d. A name with dots stands below the domain only: a container called like a site of the
 * Internet must not be taken for it.
 */
export function hostsRecord(container: string, interfaces: readonly NamedInterface[]): string {
  const names = container.includes('.') ? `${container}.${DOMAIN}` : `${container}.${DOMAIN} ${container}`;
  return interfaces.flatMap(({ addresses }) => addresses.map(({ text }) => `${text} ${names}\n`)).join('');
}

/** Its lines for dhcp.d, as --dhcp-host= takes them. */
export function dhcpRecord(container: string, interfaces: readonly NamedInterface[]): string {
  const name = container.includes('.') ? '' : `,${container}`;
  return interfaces
    .flatMap(({ mac, addresses }) => {
      const ipv4 = addresses.find(({ version }) => version === 4);
      return ipv4 ? [`${mac},${ipv4.text}${name}\n`] : [];
    })
    .join('');
}
