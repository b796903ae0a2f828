import type { TsctPlan } from './launch-plan.js';
import type { PlanInput } from './plan-input.js';

/** In the mount namespace of its keeper, whose /run is its own. */
const MOUNT_POINT = '/run/lxcfs-view';
/** Of those that lxcfs has; the rest says nothing of limits that tsct sets. */
const FILES = [
  ...['cpuinfo', 'loadavg', 'meminfo', 'stat', 'swaps', 'uptime'].map((name) => `/proc/${name}`),
  '/sys/devices/system/cpu/online',
];

/**
 * What the container sees of CPUs and memory: its share, where the host has lxcfs(1).
 * `--enable-cfs` counts a quota as CPUs, rounded up; `-l` makes a load of the container's own tasks.
 */
export function planView({ layout, facts }: PlanInput): Pick<TsctPlan, 'view'> {
  if (facts.lxcfs === undefined) return {};
  const service = [facts.lxcfs, '-f', '-l', '--enable-cfs', MOUNT_POINT];
  return { view: { runDir: layout.viewRunDir, mountPoint: MOUNT_POINT, service, files: FILES } };
}
