/**
 * What becomes of each limit of [Resources] on each kind of host. `enforced`: the test of that name in a file resources*.test.ts
 * runs into it; `refused`: it sees exit 5 and the reason. test/unit/plan/limits.test.ts holds it against the key table.
 */
export const RESOURCE_TABLE: Readonly<Record<string, ResourceRow>> = {
  CPUWeight: {
    value: '400',
    ...both('CPUWeight: what two that want the same CPU get of it'),
  },
  CPUQuota: { value: '25%', ...both('CPUQuota: no more than that much of one') },
  // Alone it is refused: it says how CPUQuota= is measured.
  CPUQuotaPeriodSec: {
    value: '20ms',
    with: 'CPUQuota=25%',
    ...both('CPUQuota: no more than that much of one'),
  },
  AllowedCPUs: {
    value: '1',
    ...both('AllowedCPUs: the others are not there, whatever root inside asks for'),
  },
  AllowedMemoryNodes: { value: '0', ...both('AllowedMemoryNodes: only those') },
  MemoryMin: { value: '200M', ...onlyV2('MemoryMin') },
  MemoryLow: { value: '200M', ...onlyV2('MemoryLow') },
  MemoryHigh: {
    value: '32M',
    v1: { is: 'refused', test: 'MemoryHigh is refused where there is none, when it is set' },
    v2: { is: 'enforced', test: 'MemoryHigh: memory is taken back above it' },
  },
  MemoryMax: {
    value: '48M',
    ...both('MemoryMax: who takes more is killed, the container goes on, the host is told how much it is'),
  },
  MemorySwapMax: {
    value: '64M',
    with: 'MemoryMax=32M',
    ...both('MemorySwapMax: so much of it may be swap, and no more'),
  },
  MemorySoftLimit: {
    value: '16M',
    v1: { is: 'enforced', test: 'MemorySoftLimit: it is taken first from who is above it' },
    v2: { is: 'refused', test: 'MemorySoftLimit is refused where there is none, when it is set' },
  },
  HugeTLBMax: {
    value: '2M:8M',
    v1: { is: 'refused', test: 'HugeTLBMax is refused where the hugetlb controller is of version 1' },
    v2: { is: 'enforced', test: 'HugeTLBMax: no more huge pages than that, and more when it is raised' },
  },
  TasksMax: { value: '40', ...both('TasksMax ends a fork bomb, and the host stays itself') },
  IOWeight: { value: '400', ...both('IOWeight: what two that want the same disk get of it') },
  IODeviceWeight: {
    value: '/disk 400',
    ...both('IODeviceWeight: what two get of one disk, and again what is usual when it is unset'),
  },
  IOReadBandwidthMax: {
    value: '/disk 4M',
    ...both('IOReadBandwidthMax and IOWriteBandwidthMax: of the disk that a path lies on'),
  },
  IOWriteBandwidthMax: {
    value: '/disk 2M',
    ...both('IOReadBandwidthMax and IOWriteBandwidthMax: of the disk that a path lies on'),
  },
  IOReadIOPSMax: { value: '/disk 100', ...both('IOReadIOPSMax and IOWriteIOPSMax') },
  IOWriteIOPSMax: { value: '/disk 50', ...both('IOReadIOPSMax and IOWriteIOPSMax') },
};

/**
 * The same for what is set neither in one file of a group nor at once: the test is in the file that is named. All of these are
 * enforced, but where a version has no use for one.
 */
export const OTHER_ROWS: Readonly<Record<string, OtherRow>> = {
  'Resources.Device': other('devices', 'gives a node and the access that it names, and no other'),
  'Resources.DevicePolicy': other(
    'devices',
    'strict leaves what is named, closed the usual ones as well, without fuse and tun',
  ),
  'Resources.DeviceAllow': other(
    'devices',
    'strict leaves what is named, closed the usual ones as well, without fuse and tun',
  ),
  'Resources.OOMPolicy': other(
    'oom',
    'holds the container, tells the hook, and lets it go on when the limit is raised',
  ),
  'Resources.OOMHook': other(
    'oom',
    'holds the container, tells the hook, and lets it go on when the limit is raised',
  ),
  'Resources.OOMHeadroom': {
    file: 'oom',
    v1: { is: 'refused', test: 'what does nothing is refused' },
    v2: { is: 'enforced', test: 'OOMHeadroom: a burst within it is held, one beyond it is killed' },
  },
  'Resources.Slice': other(
    'resources-slice',
    'two in one slice run into its limits together, one beside it does not',
  ),
  'Exec.OOMScoreAdjust': other('config-exec', 'OOMScoreAdjust=, Personality='),
  'Exec.CPUAffinity': other('config-exec', 'CPUAffinity='),
  ...Object.fromEntries(
    ['CPU', 'FSIZE', 'AS', 'NPROC', 'NOFILE'].map((name) => [
      `Exec.Limit${name}`,
      other('config-exec', 'Limit*=: programs run into them'),
    ]),
  ),
  ...Object.fromEntries(
    [
      'DATA',
      'STACK',
      'CORE',
      'RSS',
      'MEMLOCK',
      'LOCKS',
      'SIGPENDING',
      'MSGQUEUE',
      'NICE',
      'RTPRIO',
      'RTTIME',
    ].map((name) => [`Exec.Limit${name}`, other('config-exec', 'every Limit*=')]),
  ),
};

export interface OtherRow {
  /** Of test/container, without `.test.ts`. */
  readonly file: string;
  readonly v1: Outcome;
  readonly v2: Outcome;
}

export interface ResourceRow {
  /** A value that the test sets. */
  readonly value: string;
  /** Another setting that it needs. */
  readonly with?: string;
  readonly v1: Outcome;
  readonly v2: Outcome;
}

export interface Outcome {
  readonly is: 'enforced' | 'refused';
  readonly test: string;
}

function other(file: string, test: string): OtherRow {
  return { file, ...both(test) };
}

function both(test: string): { readonly v1: Outcome; readonly v2: Outcome } {
  return { v1: { is: 'enforced', test }, v2: { is: 'enforced', test } };
}

function onlyV2(key: string): { readonly v1: Outcome; readonly v2: Outcome } {
  return {
    v1: { is: 'refused', test: `${key} is refused where there is none, when it is set` },
    v2: { is: 'enforced', test: `${key}: others give theirs first` },
  };
}
