import type { LaunchPlan } from './launch-plan.js';

/** What native is told to get a running container from the devices of one plan to those of another. */
export interface DeviceChange {
  /** Paths of nodes that are new, or other than they were; `usb:...` of those that have none before they are there. */
  readonly made: readonly string[];
  /** Paths of nodes that are no more. */
  readonly removed: readonly string[];
  /** A device that is not there is an error. On the way back it is left out. */
  readonly missingFails: boolean;
}

/** The plan of a run with the devices of another. */
export function withDevicesOf(plan: LaunchPlan, { linux, tsct }: LaunchPlan): LaunchPlan {
  const { devices: _, ...rest } = plan.tsct;
  return {
    ...plan,
    linux: {
      ...plan.linux,
      devices: linux.devices,
      resources: { ...plan.linux.resources, devices: linux.resources.devices },
    },
    tsct: { ...rest, ...(tsct.devices ? { devices: tsct.devices } : {}) },
  };
}

/** Undefined: nothing differs. */
export function deviceChange(
  from: LaunchPlan,
  to: LaunchPlan,
  missingFails = true,
): DeviceChange | undefined {
  if (wholeOf(from) === wholeOf(to)) return undefined;
  const before = nodesOf(from);
  const after = nodesOf(to);
  return {
    made: [...after].filter(([path, node]) => before.get(path) !== node).map(([path]) => path),
    removed: [...before.keys()].filter((path) => !after.has(path)),
    missingFails,
  };
}

function wholeOf({ linux, tsct }: LaunchPlan): string {
  return JSON.stringify([linux.devices, linux.resources.devices, tsct.devices]);
}

function nodesOf({ linux, tsct }: LaunchPlan): ReadonlyMap<string, string> {
  // Who may open it is the policy's, and no matter of the node.
  const given = (tsct.devices?.nodes ?? []).map(({ access: _, ...node }) => node);
  const callNode = (node: { readonly path?: string; readonly source?: string }) =>
    node.path ?? node.source ?? '';
  return new Map([...linux.devices, ...given].map((node) => [callNode(node), JSON.stringify(node)]));
}
