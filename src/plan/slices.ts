import { ExitCode, TsctError } from '../base/errors.js';
import type { CgroupPlan } from './launch-plan.js';
import type { LimitFacts } from './limit-row.js';
import { buildLimits } from './limits.js';
import type { SliceText } from './plan-input.js';

const SUFFIX = '.slice';

/** `web-front.slice` lies in `web.slice` (systemd.slice(5)). Outermost first. */
export function sliceChain(slice: string): readonly string[] {
  const parts = slice.slice(0, -SUFFIX.length).split('-');
  return parts.map((_, i) => parts.slice(0, i + 1).join('-') + SUFFIX);
}

/** Path below the mount of each hierarchy, where tsct makes the groups itself. */
export function slicePath(slice: string | undefined): string {
  return ['/tsct', ...(slice === undefined ? [] : sliceChain(slice))].join('/');
}

/** tsct gives a slice the sum of what its containers are promised. */
const BY_ITSELF: readonly string[] = ['MemoryMin', 'MemoryLow'];

/**
 * Limits of slices as files of their groups.
 * @throws TSCT_LIMIT_REFUSED (exit 5), with file and line, for what this host's groups cannot do for a slice.
 */
export function buildSliceLimits(
  slices: readonly SliceText[],
  facts: LimitFacts,
): NonNullable<CgroupPlan['sliceLimits']> {
  return slices.flatMap(({ name, definition }) =>
    buildLimits(definition, facts).map(({ base: _, ...limit }) => {
      const refuse = (why: string, hint: string) => {
        const place = definition.origins.get(`Resources.${limit.key}`)?.[0];
        const where = `${place?.file}:${place?.line}: ${limit.key}=`;
        return new TsctError('TSCT_LIMIT_REFUSED', `${where}: ${why}`, {
          exitCode: ExitCode.HostLacks,
          hint,
        });
      };
      if (facts.cgroup.driver === 'systemd')
        throw refuse(
          "on a host run by systemd the limits of a slice are its unit's",
          `systemctl set-property ${name} ${limit.key}=VALUE, and remove the file`,
        );
      if (BY_ITSELF.includes(limit.key))
        throw refuse('a slice has the sum of what its containers are promised', 'take it out');
      // Throttles of v1 count in the very group that does the I/O (cgroup-v1/blkio-controller.rst, "Hierarchical Cgroups").
      if (limit.file.startsWith('blkio.throttle.'))
        throw refuse('control groups of version 1 limit no disk for several containers', 'take it out');
      return { ...limit, group: slicePath(name) };
    }),
  );
}
