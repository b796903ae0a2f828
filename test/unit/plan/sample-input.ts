import { StateLayout } from '../../../src/base/paths.js';
import { parseDefinition } from '../../../src/definition/parse.js';
import type { HostFacts } from '../../../src/host/facts.js';
import type { PlanInput } from '../../../src/plan/plan-input.js';

const UNLIMITED = { soft: Number.POSITIVE_INFINITY, hard: Number.POSITIVE_INFINITY };

/** A hybrid Debian 12 host, with nothing of the machine that runs the tests. */
export const SAMPLE_FACTS: HostFacts = {
  architecture: 'x86_64',
  kernelRelease: '6.18.0',
  hostname: 'host',
  machineId: '0123456789abcdef0123456789abcdef',
  systemdIsInit: false,
  cgroup: {
    driver: 'hybrid',
    unifiedMount: '/sys/fs/cgroup/unified',
    unifiedControllers: ['hugetlb'],
    v1: [
      { mount: '/sys/fs/cgroup/memory', controllers: ['memory'] },
      { mount: '/sys/fs/cgroup/pids', controllers: ['pids'] },
      { mount: '/sys/fs/cgroup/devices', controllers: ['devices'] },
    ],
    accountsSwap: true,
  },
  osRelease: 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n',
  resolvConf: { host: 'nameserver 192.0.2.53\n' },
  timezone: 'Europe/Berlin',
  devices: { fuse: { major: 10, minor: 229 }, tun: { major: 10, minor: 200 } },
  capabilities: ['CAP_SYS_ADMIN', 'CAP_SYS_RESOURCE'],
  rlimits: { RLIMIT_NOFILE: { soft: 1024, hard: 20_000 } },
  initRlimits: {
    RLIMIT_NPROC: { soft: 96_000, hard: 96_000 },
    RLIMIT_SIGPENDING: { soft: 96_000, hard: 96_000 },
  },
  nrOpen: 1_048_576,
  lsms: ['capability'],
  cpus: [0, 1],
  memoryNodes: [0],
  memoryBytes: 24 * 1024 ** 3,
  tasksMax: 32_768,
};

/** A systemd host on pure cgroup v2. */
export const MODERN_FACTS: HostFacts = {
  ...SAMPLE_FACTS,
  systemdIsInit: true,
  cgroup: {
    driver: 'systemd',
    unifiedMount: '/sys/fs/cgroup',
    unifiedControllers: ['cpu', 'memory', 'pids'],
    v1: [],
    accountsSwap: true,
  },
  rlimits: { RLIMIT_NOFILE: UNLIMITED },
};

/** Input for the container `name` of the default state root, with this config. */
export function sampleInput(config: string, changes: Partial<PlanInput> = {}): PlanInput {
  const layout = new StateLayout('/var/lib/tsct');
  const name = changes.name ?? 'web';
  return {
    name,
    layout,
    definition: parseDefinition([{ file: 'config', text: config }]),
    identity: {
      uuid: '6b5f1e0c-8f63-4c6e-9f0e-2f3f5a1c7d11',
      idBase: 1_000_000 - (1_000_000 % 65_536),
      idCount: 65_536,
      macs: {},
      addresses: {},
    },
    networks: [],
    root: {
      isOverlay: true,
      layers: ['/var/lib/tsct/.store/layers/busybox-1/tree'],
      upperDir: `/var/lib/tsct/.store/layers/${name}-upper`,
    },
    facts: SAMPLE_FACTS,
    credentials: {},
    ...changes,
  };
}

/** Changes for a container `web` that was allotted addresses for eth0, and a MAC for eth1 as well. */
export const CONNECTED: Partial<PlanInput> = {
  identity: {
    ...sampleInput('').identity,
    macs: { eth0: '02:11:22:33:44:55', eth1: '02:11:22:33:44:66' },
    addresses: { eth0: { network: 'tsct0', ipv4: '10.80.1.7', ipv6: 'fd12:3456:789a:0:11:22ff:fe33:4455' } },
  },
  networks: [
    { name: 'tsct0', ipv4: '10.80.1.0/24', ipv6: 'fd12:3456:789a::/64', dnsmasq: '/usr/sbin/dnsmasq' },
  ],
};
