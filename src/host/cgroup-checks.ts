import { badLine, type CheckLine, okLine } from './check-line.js';
import type { CgroupLayout } from './facts.js';

const UNIFIED_FIX = 'mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified';

const WORDS: Readonly<Record<CgroupLayout['driver'], string>> = {
  systemd: 'cgroup v2, each container a transient unit of systemd',
  v2: 'cgroup v2, directly',
  hybrid: 'v1 controllers and a cgroup2 tree',
};

/** Controllers that limits of the config need, and what does not work without them. */
const CONTROLLERS: Readonly<Record<string, string>> = {
  memory: 'MemoryMax= and the memory column',
  pids: 'TasksMax=, the guard against fork bombs',
  cpu: 'CPUWeight= and CPUQuota=',
  cpuset: 'AllowedCPUs=',
};

/** Judges how control groups are mounted; undefined: there is no cgroup2 tree. */
export function judgeCgroups(layout: CgroupLayout | undefined): readonly CheckLine[] {
  if (!layout) {
    return [
      badLine('cgroups', 'mode', {
        required: true,
        found: 'no cgroup2 tree is mounted: no init inside could start',
        fix: UNIFIED_FIX,
      }),
    ];
  }
  return [
    okLine('cgroups', 'mode', `${layout.driver}: ${WORDS[layout.driver]}`, true),
    ...Object.entries(CONTROLLERS).map(([name, use]) => judgeController(layout, name, use)),
  ];
}

function judgeController(layout: CgroupLayout, name: string, use: string): CheckLine {
  const title = `controller ${name}`;
  const v1 = layout.v1.find(({ controllers }) => controllers.includes(name));
  if (v1) return okLine('cgroups', title, `v1, ${v1.mount}`);
  if (layout.unifiedControllers.includes(name)) return okLine('cgroups', title, 'v2');
  return badLine('cgroups', title, {
    required: false,
    found: `${use} will not work`,
    fix:
      layout.driver === 'hybrid'
        ? `mkdir -p /sys/fs/cgroup/${name} && mount -t cgroup -o ${name} ${name} /sys/fs/cgroup/${name}`
        : `add cgroup_enable=${name} to the kernel's command line and reboot`,
  });
}
