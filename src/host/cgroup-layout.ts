import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExitCode, TsctError } from '../base/errors.js';
import type { CgroupLayout } from './facts.js';
import type { MountEntry } from './mount-table.js';
import { readOptional } from './optional-file.js';

/** Every controller that v1 has had (cgroups(7)); told apart from mount options like `rw` by name. */
const V1_CONTROLLERS: ReadonlySet<string> = new Set([
  'blkio',
  'cpu',
  'cpuacct',
  'cpuset',
  'devices',
  'freezer',
  'hugetlb',
  'memory',
  'misc',
  'net_cls',
  'net_prio',
  'perf_event',
  'pids',
  'rdma',
]);

/**
 * Finds out how control groups are mounted.
 * @throws TSCT_NO_CGROUP2 (exit 5) when no cgroup2 tree is mounted: a guest's init needs one.
 */
export function readCgroupLayout(table: readonly MountEntry[], systemdIsInit: boolean): CgroupLayout {
  const mounts = findCgroupMounts(table);
  if (!mounts) {
    throw new TsctError('TSCT_NO_CGROUP2', 'cannot use control groups: no cgroup2 tree is mounted', {
      exitCode: ExitCode.HostLacks,
      hint: 'mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified',
    });
  }
  return {
    driver: mounts.v1.length > 0 ? 'hybrid' : systemdIsInit ? 'systemd' : 'v2',
    unifiedMount: mounts.unifiedMount,
    unifiedControllers: readFileSync(join(mounts.unifiedMount, 'cgroup.controllers'), 'utf8')
      .split(/\s+/)
      .filter(Boolean),
    v1: mounts.v1,
    accountsSwap: accountsSwap(mounts.v1),
  };
}

/** The root of v2 has no files of limits that would tell. */
function accountsSwap(v1: CgroupLayout['v1']): boolean {
  const memory = v1.find(({ controllers }) => controllers.includes('memory'));
  if (memory) return existsSync(join(memory.mount, 'memory.memsw.limit_in_bytes'));
  return existsSync('/proc/swaps') && !/\bswapaccount=0\b/.test(readOptional('/proc/cmdline') ?? '');
}

/** Pure part of `readCgroupLayout`: where the trees are; undefined without a cgroup2 tree. */
export function findCgroupMounts(
  table: readonly MountEntry[],
): Pick<CgroupLayout, 'unifiedMount' | 'v1'> | undefined {
  const unified = table.filter((entry) => entry.fsType === 'cgroup2').map((entry) => entry.mount);
  const unifiedMount =
    ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find((path) => unified.includes(path)) ?? unified[0];
  if (unifiedMount === undefined) return undefined;
  const v1 = new Map<string, CgroupLayout['v1'][number]>();
  for (const { fsType, mount, superOptions } of table) {
    if (fsType !== 'cgroup') continue;
    const controllers = superOptions.filter(
      (option) => V1_CONTROLLERS.has(option) || option.startsWith('name='),
    );
    // The same hierarchy may be mounted twice; the first place is as good as any.
    const id = controllers.join(',');
    if (id && !v1.has(id)) v1.set(id, { mount, controllers });
  }
  return { unifiedMount, v1: [...v1.values()] };
}
