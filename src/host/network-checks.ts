import { existsSync } from 'node:fs';
import { run } from '../base/exec.js';
import { badLine, type CheckLine, okLine } from './check-line.js';
import { forwardFix, hasLegacyTables, readForwardDrops } from './forward-drops.js';
import { findProgram } from './tool-checks.js';

const SYSTEM_PATH = ':/usr/sbin:/sbin';
const WITHOUT = 'only containers with Network.Private=yes start';

interface Try {
  readonly name: string;
  readonly script: string;
  readonly fix: string;
  /** What does not work without it; absent: every network. */
  readonly without?: string;
}

/** One for each kind of interface but bridge, which is what the tries before them are about. */
const KINDS: readonly Try[] = [
  {
    name: 'routed',
    script:
      "ip link add name probe0 type veth peer name probe1 && nft 'add table netdev probe; add chain netdev probe in { type filter hook ingress device probe0 priority 0; }'",
    fix: 'boot a kernel with CONFIG_NF_TABLES_NETDEV and CONFIG_NETFILTER_INGRESS',
  },
  ...(['macvlan', 'ipvlan'] as const).map((name) => ({
    name,
    script: `ip link add name probe0 type veth peer name probe1 && ip link add link probe0 name probe2 type ${name}`,
    fix: `modprobe ${name}`,
  })),
  {
    name: 'vlan',
    script:
      'ip link add name probe0 type veth peer name probe1 && ip link add link probe0 name probe2 type vlan id 2',
    fix: 'modprobe 8021q',
  },
  {
    // Into the namespace of the shell above, which is the one made for the try.
    name: 'physical',
    script:
      "here=$$; unshare --net sh -c 'ip link add name probe0 type veth peer name probe1 && ip link set dev probe0 netns '$here && ip link show dev probe0",
    fix: 'boot a kernel with CONFIG_NET_NS=y',
  },
].map((one) => ({ ...one, without: `no interface of Kind=${one.name}` }));

/** Tried in a network namespace that is gone with the process: nothing of it is left on the host. */
const TRIES: readonly Try[] = [
  { name: 'bridge', script: 'ip link add name probe0 type bridge', fix: 'modprobe bridge' },
  { name: 'veth', script: 'ip link add name probe0 type veth peer name probe1', fix: 'modprobe veth' },
  {
    name: 'nf_tables',
    script: "nft 'add table bridge probe; add table inet probe'",
    fix: 'modprobe -a nf_tables nft_reject_bridge',
  },
  {
    name: 'nat',
    script:
      "nft 'add table inet probe; add chain inet probe out { type nat hook postrouting priority 100; }; add rule inet probe out masquerade'",
    fix: 'modprobe -a nft_chain_nat nft_masq',
  },
  {
    name: 'rates',
    script: [
      'ip link add name probe0 type ifb',
      'ip link add name probe1 type veth peer name probe2',
      'tc qdisc add dev probe1 root tbf rate 1mbit burst 10k latency 50ms',
      'tc qdisc add dev probe1 ingress',
      'tc filter add dev probe1 parent ffff: protocol all prio 1 u32 match u32 0 0 action mirred egress redirect dev probe0',
    ].join(' && '),
    without: 'IngressMax= and EgressMax= of [Network IF] are refused',
    fix: 'modprobe -a ifb sch_tbf sch_ingress cls_u32 act_mirred',
  },
];

/** What the network of containers needs of the host. @param isRoot else nothing can be tried. */
export async function judgeNetwork(path: string, isRoot: boolean): Promise<readonly CheckLine[]> {
  const programs = [
    ['nft', 'nftables'],
    ['dnsmasq', 'dnsmasq-base'],
  ] as const;
  const lines = programs.map(([program, debianPackage]) => {
    const found = findProgram(program, path + SYSTEM_PATH);
    if (found !== undefined) return okLine('network', program, found);
    return badLine('network', program, {
      required: false,
      found: `not installed: ${WITHOUT}`,
      fix: `apt-get install ${debianPackage}`,
    });
  });
  lines.push(judgeNames());
  if (!isRoot) return lines;
  return [...lines, ...(await judgeForwarding()), ...(await Promise.all([...TRIES, ...KINDS].map(tryOut)))];
}

/** Whether rules of others let out what comes from containers. */
async function judgeForwarding(): Promise<CheckLine[]> {
  const drops = await readForwardDrops().catch(() => undefined);
  if (!drops) return []; // without nft there is a line on that
  const legacy = hasLegacyTables()
    ? '; what iptables-legacy has cannot be seen: iptables-legacy -S FORWARD'
    : '';
  if (drops.length === 0) return [okLine('network', 'forwarding', `nothing of nftables drops it${legacy}`)];
  return drops.map((drop) => {
    const where = `${drop.family} ${drop.table} ${drop.chain} drops it`;
    if (drop.keeper === 'docker')
      return okLine(
        'network',
        'forwarding',
        `${where}; networks of tsct are let through by DOCKER-USER${legacy}`,
      );
    return badLine('network', 'forwarding', {
      required: false,
      found: `${where}: containers do not get out${legacy}`,
      fix: forwardFix(drop, 'tsct0'),
    });
  });
}

/** While it runs; it answers by D-Bus and by this. */
const RESOLVED = '/run/systemd/resolve/io.systemd.Resolve';

/** Whether the host itself knows containers by name. */
function judgeNames(): CheckLine {
  if (existsSync(RESOLVED)) return okLine('network', 'names', 'systemd-resolved asks for NAME.tsct');
  return badLine('network', 'names', {
    required: false,
    found: 'containers know each other by name; this host, without systemd-resolved, does not know NAME.tsct',
    fix: 'apt-get install systemd-resolved; or put the first address of the subnet (tsct network info tsct0) first in /etc/resolv.conf, as a nameserver',
  });
}

async function tryOut({ name, script, fix, without = WITHOUT }: Try): Promise<CheckLine> {
  try {
    await run('unshare', ['--net', 'sh', '-c', script], {
      doing: `try ${name}`,
      debianPackage: 'util-linux',
    });
    return okLine('network', name, 'works');
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return badLine('network', name, { required: false, found: `${without} (${why})`, fix });
  }
}
