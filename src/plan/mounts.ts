import type { HostPath } from '../base/paths.js';
import type { BindValue, OverlayValue, VolumeValue } from '../definition/mount-values.js';
import type { ContainerDefinition } from '../definition/schema.js';
import type { MountExtra } from './launch-plan.js';
import type { OciMount } from './oci.js';

/** gid of tty in every distribution, for the slaves of devpts. */
const TTY_GID = 5;

/**
 * What every container gets, in mount order. Sizes and flags as systemd-nspawn's; /dev alone lacks nodev, because it
 * alone holds device nodes. Left to native: /run/host, the links in /dev, the boot id.
 */
const STANDARD_MOUNTS: readonly OciMount[] = [
  mount('/proc', 'proc', 'nosuid,noexec,nodev'),
  mount('/sys', 'sysfs', 'ro,nosuid,noexec,nodev'),
  mount('/sys/fs/cgroup', 'cgroup', 'nosuid,noexec,nodev'),
  mount('/dev', 'tmpfs', 'nosuid,strictatime,mode=0755,size=4m,nr_inodes=64k'),
  mount('/dev/pts', 'devpts', `nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=${TTY_GID}`),
  mount('/dev/shm', 'tmpfs', 'nosuid,nodev,mode=1777,size=10%'),
  mount('/dev/mqueue', 'mqueue', 'nosuid,noexec,nodev'),
  mount('/run', 'tmpfs', 'nosuid,nodev,mode=0755,size=20%,nr_inodes=800k'),
  mount('/tmp', 'tmpfs', 'nosuid,nodev,mode=1777,size=10%,nr_inodes=400k'),
];

function mount(destination: string, type: OciMount['type'], options: string): OciMount {
  return { destination, type, source: type, options: options.split(',') };
}

export interface PlannedMount {
  readonly mount: OciMount;
  readonly extra?: MountExtra;
}

/**
 * The standard mounts and the config's [Files], outer directories before inner ones, so that /srv never hides
 * /srv/data. Of two mounts on one place the later one wins, as over /run and /tmp.
 */
export function buildMounts(
  files: ContainerDefinition['files'],
  more: readonly PlannedMount[],
): { readonly mounts: readonly OciMount[]; readonly extras: Readonly<Record<string, MountExtra>> } {
  const own: readonly PlannedMount[] = [
    ...more,
    ...files.temporaryFileSystems.map(({ destination, options }) => ({
      mount: mount(destination, 'tmpfs', ['nosuid', 'nodev', 'mode=0755', ...options].join(',')),
      extra: { create: true },
    })),
    ...files.binds.map((bind) => planBind(bind, [])),
    ...files.bindsReadOnly.map((bind) => planBind(bind, ['ro'])),
    ...[...files.overlays, ...files.overlaysReadOnly].map(planOverlay),
  ];
  const byDestination = new Map(own.map((planned) => [planned.mount.destination, planned]));
  const standard = STANDARD_MOUNTS.filter(({ destination }) => !byDestination.has(destination));
  const sorted = [...byDestination.values()].sort((a, b) => depth(a.mount) - depth(b.mount));
  const runOverride = sorted.filter((planned) => planned.mount.destination === '/run');
  const rest = sorted.filter((planned) => planned.mount.destination !== '/run');
  return {
    mounts: [...standard, ...[...runOverride, ...rest].map((planned) => planned.mount)],
    extras: Object.fromEntries(
      sorted.flatMap(({ mount: { destination }, extra }) => (extra ? [[destination, extra]] : [])),
    ),
  };
}

function depth(planned: OciMount): number {
  return planned.destination.split('/').length;
}

/** `nodev` always: usable device nodes exist on tsct's own /dev only. */
export function planBind(bind: BindValue, flags: readonly string[]): PlannedMount {
  const idmaps = { noidmap: undefined, idmap: 'container', rootidmap: 'root', owneridmap: 'owner' } as const;
  const idmap = idmaps[bind.idmap];
  return {
    mount: {
      destination: bind.destination,
      type: 'bind',
      source: `${bind.isInRoot ? '+' : ''}${bind.source}`,
      options: [bind.isRecursive ? 'rbind' : 'bind', 'nodev', ...flags],
    },
    extra: { create: true, ...(bind.isOptional ? { optional: true } : {}), ...(idmap ? { idmap } : {}) },
  };
}

/** Not recursive: nothing of the host is ever mounted below it. */
export function planVolume(volume: VolumeValue, source: HostPath): PlannedMount {
  const flags = [...(volume.hasSetId ? [] : ['nosuid']), ...(volume.isReadOnly ? ['ro'] : [])];
  return {
    mount: { destination: volume.destination, type: 'bind', source, options: ['bind', 'nodev', ...flags] },
    extra: { create: true, idmap: 'container' },
  };
}

function planOverlay(overlay: OverlayValue): PlannedMount {
  return {
    mount: {
      destination: overlay.destination,
      type: 'overlay',
      source: 'overlay',
      options: overlay.upper === undefined ? ['ro', 'nodev'] : ['nodev'],
    },
    extra: {
      create: true,
      lowers: overlay.lowers,
      ...(overlay.upper === undefined ? {} : { upper: overlay.upper }),
    },
  };
}
