import { ExitCode } from '../base/errors.js';

interface Rule {
  readonly step: RegExp;
  readonly errno?: readonly string[];
  readonly hint: string;
  readonly exitCode?: ExitCode;
}

/** What to do about it; the first rule that matches step and errno counts. */
export const HINTS: readonly Rule[] = [
  {
    step: /^set group limit/,
    errno: ['ENOENT', 'EOPNOTSUPP', 'ENODEV'],
    exitCode: ExitCode.HostLacks,
    hint: "this host's kernel has no such limit, or nothing to set it on: tsct config unset NAME Resources.KEY",
  },
  {
    step: /^set group limit/,
    errno: ['EBUSY'],
    exitCode: ExitCode.WrongState,
    hint: 'end inside what uses it (files in memory count, too), or ask for more than is in use',
  },
  {
    step: /^set group limit/,
    exitCode: ExitCode.HostLacks,
    hint: 'the kernel does not take the value: tsct config set NAME Resources.KEY=VALUE',
  },
  {
    step: /^share disk/,
    exitCode: ExitCode.HostLacks,
    hint: 'it has to be there, and a disk that goes by weights: with BFQ (CONFIG_BFQ_GROUP_IOSCHED) or, on cgroup v2, iocost (io.cost.qos); or take the key out: tsct config unset NAME Resources.KEY',
  },
  {
    step: /^find device/,
    errno: ['ENOENT', 'ENODEV', 'ENOTDIR'],
    exitCode: ExitCode.HostLacks,
    hint: 'plug it in, load its driver (modprobe), or take the line out: tsct config edit NAME',
  },
  {
    step: /^make device/,
    errno: ['EEXIST', 'ENOTDIR'],
    exitCode: ExitCode.WrongState,
    hint: 'something of the container has that name in its /dev: give the device another one (Device=PATH:/dev/NAME)',
  },
  {
    step: /^set device policy/,
    exitCode: ExitCode.HostLacks,
    hint: 'the kernel needs CONFIG_CGROUP_BPF, or the devices controller of version 1: see tsct check',
  },
  {
    step: /^thaw/,
    errno: ['ENOMEM'],
    exitCode: ExitCode.WrongState,
    hint: 'raise the limit: tsct config set NAME Resources.MemoryMax=SIZE; or end it: tsct stop NAME',
  },
  {
    step: /^(find|exec)\b.*init|^exec/,
    errno: ['ENOENT', 'EACCES', 'ENOEXEC', 'ENOTDIR', 'ELOOP', 'EISDIR'],
    hint: 'the root needs an executable /sbin/init (or set one: tsct config set NAME Exec.Init=/path/to/init)',
  },
  {
    step: /^bind user/,
    errno: ['EEXIST'],
    exitCode: ExitCode.WrongState,
    hint: 'delete that user or group inside (with BindUser= out of the config), or bind another one',
  },
  {
    step: /^link journal/,
    errno: ['EEXIST', 'ENOTEMPTY', 'ENOTDIR'],
    exitCode: ExitCode.WrongState,
    hint: 'look whose journal it is and move it away, or give the container another Exec.MachineID=; or take Exec.LinkJournal= out',
  },
  {
    step: /^link journal/,
    hint: 'the host has to be able to write to /var/log/journal; or take it out: tsct config unset NAME Exec.LinkJournal',
  },
  {
    step: /^run nft/,
    errno: ['ENOENT'],
    exitCode: ExitCode.HostLacks,
    hint: 'networks of tsct need nft(8), Debian package nftables; Network.Private=yes does without',
  },
  {
    step: /^start service of network/,
    errno: ['ENOENT', 'EACCES'],
    exitCode: ExitCode.HostLacks,
    hint: 'networks of tsct need dnsmasq(8), Debian package dnsmasq-base; Network.Private=yes does without',
  },
  {
    step: /^start lxcfs/,
    exitCode: ExitCode.HostLacks,
    hint: 'lxcfs shows a container its share of CPUs and memory; mend it, or go without: apt-get remove lxcfs',
  },
  {
    step: /^make (bridge|link)/,
    errno: ['EEXIST'],
    exitCode: ExitCode.WrongState,
    hint: 'see who made it with ip -d link; then rename it, delete it, or take another network',
  },
  {
    step: /^make (bridge|link)/,
    errno: ['EOPNOTSUPP', 'ENODEV'],
    exitCode: ExitCode.HostLacks,
    hint: 'the kernel needs bridge and veth: see tsct check',
  },
  {
    step: /^make (macvlan|ipvlan|vlan)/,
    errno: ['EOPNOTSUPP'],
    exitCode: ExitCode.HostLacks,
    hint: 'the kernel needs the module for it (modprobe macvlan, ipvlan or 8021q): see tsct check',
  },
  {
    step: /^make (macvlan|ipvlan|vlan)/,
    errno: ['ENETDOWN'],
    exitCode: ExitCode.WrongState,
    hint: 'bring it up first: ip link set LINK up',
  },
  {
    step: /^(make (macvlan|ipvlan|vlan)|give link|answer on link)/,
    errno: ['ENODEV'],
    exitCode: ExitCode.WrongState,
    hint: 'set Link= to one of those that ip link shows; those given to a container come back when it ends',
  },
  {
    step: /^make (macvlan|ipvlan|vlan)/,
    errno: ['EEXIST', 'EBUSY', 'EINVAL', 'EADDRINUSE'],
    exitCode: ExitCode.WrongState,
    hint: 'something else is on that link: see ip -d link, and what other containers have with tsct info',
  },
  {
    step: /^give link/,
    errno: ['EINVAL', 'EOPNOTSUPP'],
    exitCode: ExitCode.HostLacks,
    hint: 'the kernel lets no link of this kind (bridge, loopback, wireless) leave its namespace: take another one',
  },
  {
    step: /^give back link/,
    errno: ['EEXIST'],
    exitCode: ExitCode.WrongState,
    hint: 'rename what has its name (ip link set LINK name OTHER); the next command of tsct gives it back then',
  },
  {
    step: /^add route/,
    errno: ['EEXIST'],
    exitCode: ExitCode.WrongState,
    hint: 'another link of the host has a route to that address (ip route): choose another Address=',
  },
  {
    step: /^join network namespace/,
    errno: ['ESRCH', 'ENOENT', 'EINVAL'],
    exitCode: ExitCode.WrongState,
    hint: 'start the other container first (Start.After= has it so), or make the namespace: ip netns add NAME',
  },
  {
    step: /^join link to bridge/,
    errno: ['ENODEV'],
    hint: 'make the bridge first, or name a network of tsct: Network.eth0.Network=tsct0',
  },
  {
    step: /^bind port/,
    errno: ['EADDRINUSE'],
    exitCode: ExitCode.WrongState,
    hint: 'stop what has it, or publish another port: see Port= in tsct.conf(5)',
  },
  {
    step: /^bind port/,
    errno: ['EADDRNOTAVAIL'],
    exitCode: ExitCode.HostLacks,
    hint: 'see ip addr for the addresses there are; Port= without one publishes on all',
  },
  {
    step: /^(ask supervisor|enter network of container)/,
    exitCode: ExitCode.WrongState,
    hint: 'if it is starting or stopping, wait and try again; else a restart brings it to what its config says',
  },
  {
    step: /^turn on forwarding/,
    exitCode: ExitCode.HostLacks,
    hint: 'let whoever may write there set net.ipv4.ip_forward=1 and net.ipv6.conf.all.forwarding=1',
  },
  {
    step: /^load rules/,
    hint: 'the kernel needs nf_tables with NAT, see tsct check; nft -c -f shows more',
  },
  {
    step: /^limit rate/,
    exitCode: ExitCode.HostLacks,
    hint: 'the kernel needs tbf, and for EgressMax= ifb, ingress, u32 and mirred: see tsct check',
  },
  {
    step: /^limit size/,
    exitCode: ExitCode.HostLacks,
    hint: 'Storage.SizeMax= needs quotas that are turned on: see tsct.conf(5); without them take it out',
  },
  {
    step: /^make volatile root/,
    errno: ['EINVAL'],
    hint: 'Volatile=yes needs an image with all programs below /usr; Storage.Volatile=overlay takes any',
  },
  {
    step: /id ?map|layer|idmapped/,
    errno: ['EINVAL', 'EOPNOTSUPP', 'ENOSYS', 'EPERM'],
    exitCode: ExitCode.HostLacks,
    hint: 'the file system of the state root cannot be id-mapped by this kernel: see tsct check',
  },
  {
    step: /^bind /,
    errno: ['EINVAL', 'EPERM'],
    hint: 'its file system, or one mounted below it, cannot be id-mapped: add :noidmap, or :norbind to leave those out',
  },
  {
    step: /cgroup/,
    errno: ['ENOENT', 'EROFS', 'EACCES', 'EPERM'],
    exitCode: ExitCode.HostLacks,
    hint: 'tsct needs a writable cgroup tree: see tsct check',
  },
  {
    step: /claim id range/,
    hint: 'stop what has them, or make the container again: a new one gets ids that are free',
    exitCode: ExitCode.WrongState,
  },
  {
    step: /rlimit|limit/,
    errno: ['EPERM'],
    exitCode: ExitCode.HostLacks,
    hint: 'raising a hard limit needs CAP_SYS_RESOURCE: ask for less, or raise the limit of the host',
  },
  {
    step: /seccomp/,
    exitCode: ExitCode.HostLacks,
    hint: 'the kernel needs CONFIG_SECCOMP_FILTER: see tsct check',
  },
  {
    step: /name ?space|clone/,
    errno: ['ENOSPC', 'EPERM', 'EUSERS'],
    exitCode: ExitCode.HostLacks,
    hint: 'raise /proc/sys/user/max_user_namespaces (and its neighbours): see tsct check',
  },
  { step: /./, errno: ['EROFS'], hint: 'is the state root on a read-only file system?' },
  { step: /./, errno: ['ENOSPC', 'EDQUOT'], hint: 'free some space below the state root' },
  {
    step: /./,
    errno: ['ENOSYS', 'EOPNOTSUPP'],
    exitCode: ExitCode.HostLacks,
    hint: 'see what this host lacks: tsct check',
  },
];
