import type { ContainerDefinition } from '../definition/schema.js';
import type { HostFacts } from '../host/facts.js';
import type { DevicesPlan } from './launch-plan.js';
import type { OciDevice, OciResources } from './oci.js';

/** Nodes of every container's /dev, numbers from Linux' Documentation/admin-guide/devices.txt. */
const STANDARD_NODES = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  ['tty', 5, 0],
] as const;

/** Unix98 pty slaves: a container's own, from its own devpts. */
const PTS_MAJORS = [136, 137, 138, 139, 140, 141, 142, 143];

type DeviceRule = OciResources['devices'][number];

/** The nodes to make, owned by the container's root, and the policy that goes with them: DevicePolicy=. */
export function buildDevices(
  host: HostFacts['devices'],
  { devicePolicy = 'auto', devices }: ContainerDefinition['resources'],
): {
  readonly nodes: readonly OciDevice[];
  readonly rules: readonly DeviceRule[];
} {
  const optional = [
    ...(host.fuse ? [['fuse', host.fuse.major, host.fuse.minor] as const] : []),
    ...(host.tun ? [['net/tun', host.tun.major, host.tun.minor] as const] : []),
  ].filter(([name]) => devicePolicy === 'auto' && !devices.some(({ path }) => path === `/dev/${name}`));
  const nodes = [...STANDARD_NODES, ...optional].map(
    ([name, major, minor]): OciDevice => ({
      path: `/dev/${name}`,
      type: 'c',
      major,
      minor,
      fileMode: 0o666,
      uid: 0,
      gid: 0,
    }),
  );
  const allow = (major: number, minor: number | undefined, access: string): DeviceRule => ({
    allow: true,
    type: 'c',
    major,
    ...(minor === undefined ? {} : { minor }),
    access,
  });
  return {
    nodes,
    rules: [
      { allow: false, access: 'rwm' },
      ...(devicePolicy === 'strict' ? [] : nodes.map((node) => allow(node.major, node.minor, 'rwm'))),
      allow(5, 2, 'rwm'), // /dev/ptmx
      ...PTS_MAJORS.map((major) => allow(major, undefined, 'rw')),
    ],
  };
}

/** Devices of the host, whose numbers each start looks up; absent where none are asked for. */
export function planDevices({
  devices,
  devicesAllowed,
}: ContainerDefinition['resources']): DevicesPlan | undefined {
  if (devices.length === 0 && devicesAllowed.length === 0) return undefined;
  return {
    nodes: devices.map(({ mode, ...device }) => ({
      ...device,
      ...(mode === undefined ? {} : { fileMode: mode }),
    })),
    allow: devicesAllowed,
  };
}
