import type { NetworkInfo } from '../../lifecycle/network-manage.js';
import { table } from './table.js';

/** Facts one a line, then who is on it. */
export function renderNetwork(about: NetworkInfo): string {
  const facts: [string, string][] = [
    ['Name', about.name],
    ['Bridge', about.up ? about.bridge : `${about.bridge} (there while a container of it runs)`],
    ['IPv4', `${about.ipv4}, room for ${about.room} containers`],
    ['IPv6', about.ipv6],
    ...(about.service?.running === false ? [downLine(about)] : []),
    ...(about.mtu === null ? [] : ([['MTU', String(about.mtu)]] as [string, string][])),
    ['Created', about.created],
  ];
  const text = facts.map(([title, value]) => `${`${title}:`.padEnd(9)}${value}\n`).join('');
  const rows = about.usedBy.map(({ name, running, ipv4, ipv6 }) => [
    name,
    running ? 'yes' : 'no',
    ipv4 ?? '-',
    ipv6 ?? '-',
  ]);
  return rows.length === 0 ? text : `${text}\n${table(['CONTAINER', 'RUNS', 'IPV4', 'IPV6'], rows)}`;
}

/** Only that it does not run is worth a line. */
function downLine({ name, service }: NetworkInfo): [string, string] {
  const why = service?.said ?? `journalctl -u 'tsct.net-*' tells why`;
  return [
    'DNS',
    `dnsmasq does not run, and is started again and again: ${why}; then: tsct network repair ${name}`,
  ];
}
