import { dirname } from 'node:path';
import type { LaunchPlan, LimitPlan } from '../plan/launch-plan.js';
import { readText } from '../state/group-text.js';
import type { Status } from '../supervisor/protocol.js';

/** Keys that OOMPolicy=raise has running otherwise than the config says. */
const RAISED: readonly string[] = ['MemoryMax', 'MemorySwapMax'];

/**
 * The limits of what runs, with those that its OOMPolicy=raise has raised as they are now; undefined: there are none, or
 * none is among the keys. Other keys leave what was raised alone.
 */
export function raisedLimits(
  { tsct: { cgroup, oom } }: LaunchPlan,
  status: Status,
  keys: ReadonlySet<string>,
): readonly LimitPlan[] | undefined {
  if (oom?.policy !== 'raise' || !RAISED.some((key) => keys.has(`Resources.${key}`))) return undefined;
  const planned = cgroup.limits ?? [];
  const now = planned.map((limit): LimitPlan => {
    const { key, v1, base, file, value } = limit;
    if (!RAISED.includes(key) || Number(value) < 0) return limit;
    const group = v1 === undefined ? (base ? dirname(status.cgroup) : status.cgroup) : v1 + cgroup.path;
    const text = readText(`${group}/${file}`)?.trim();
    const isRaised = text === 'max' || Number(text) > Number(value);
    return text !== undefined && isRaised ? { ...limit, value: text } : limit;
  });
  return now.some((limit, i) => limit !== planned[i]) ? now : undefined;
}
