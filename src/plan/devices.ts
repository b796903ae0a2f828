import type { HostFacts } from '../host/facts.js';
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

/** The nodes to make, owned by the container's root, and the closed policy that goes with them. */
export function buildDevices(devices: HostFacts['devices']): {
  readonly nodes: readonly OciDevice[];
  readonly rules: readonly DeviceRule[];
} {
  const optional = [
    ...(devices.fuse ? [['fuse', devices.fuse.major, devices.fuse.minor] as const] : []),
    ...(devices.tun ? [['net/tun', devices.tun.major, devices.tun.minor] as const] : []),
  ];
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
      ...nodes.map((node) => allow(node.major, node.minor, 'rwm')),
      allow(5, 2, 'rwm'), // /dev/ptmx
      ...PTS_MAJORS.map((major) => allow(major, undefined, 'rw')),
    ],
  };
}
