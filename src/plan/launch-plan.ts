/**
 * The launch plan: what native does to start one container, with nothing left to decide.
 * An OCI runtime-spec document (https://github.com/opencontainers/runtime-spec, config.md and config-linux.md)
 * plus one extra top-level object `tsct` for what OCI has no words for.
 *
 * A field that native does not carry out is refused by its decoder (native/setup/plan_decode.cc), never ignored.
 */
import type { ContainerPath, HostPath } from '../base/paths.js';
import type { BoundUser, JournalPlan, RunHostPlan, ViewPlan } from './host-plan.js';
import type { NetworkPlan } from './network-plan.js';
import type { OciLinux, OciMount, OciProcess } from './oci.js';

export const PLAN_FORMAT = 1;
export const OCI_VERSION = '1.2.0';

export interface LaunchPlan {
  readonly ociVersion: string;
  readonly process: OciProcess;
  readonly root: { readonly path: string; readonly readonly?: boolean };
  readonly hostname: string;
  /**
   * In mount order; destinations are resolved inside the root only (openat2 RESOLVE_IN_ROOT).
   * Types native knows: proc, sysfs, tmpfs, devpts, mqueue, cgroup, bind, overlay.
   * `bind` options: ro, nosuid, nodev, noexec, rbind, bind, idmap (maps as the container's), plus
   * `optional` as tsct.mounts says.
   */
  readonly mounts: readonly OciMount[];
  readonly linux: OciLinux;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly tsct: TsctPlan;
}

/** Everything OCI has no words for. */
export interface TsctPlan {
  readonly format: typeof PLAN_FORMAT;
  readonly name: string;
  readonly key: string;
  readonly uuid: string;
  readonly containerDir: HostPath;
  readonly runDir: HostPath;
  readonly rootfs: RootfsPlan;
  readonly cgroup: CgroupPlan;
  readonly sys: SysPlan;
  readonly proc: ProcPlan;
  /** Size of each tmpfs that tsct makes itself is in `mounts`; this is /run/host, read-only inside. */
  readonly runHost: RunHostPlan;
  /** Extra properties of mounts[i], keyed by destination. */
  readonly mounts: Readonly<Record<ContainerPath, MountExtra>>;
  /** Written into the root before init runs, in order, resolved inside the root. */
  readonly files: readonly FileEdit[];
  readonly console: ConsolePlan;
  readonly init: InitPlan;
  readonly readiness: ReadinessPlan;
  readonly restart: RestartPlan;
  /** At the limit of memory. Absent: the kernel kills, and nobody else is told than who listens to the events. */
  readonly oom?: OomPlan;
  /** Lock files whose flock claims the id range while the container runs. */
  readonly idRangeLocks: readonly HostPath[];
  /** Directory of compiled seccomp filters, named by hash of `linux.seccomp` and library version. */
  readonly seccompCacheDir: HostPath;
  /** Absent: only loopback. */
  readonly network?: NetworkPlan;
  /** Absent: none besides linux.devices. */
  readonly devices?: DevicesPlan;
  /** Absent: the host sees nothing of its journal. */
  readonly journal?: JournalPlan;
  readonly boundUsers?: readonly BoundUser[];
  /** Absent: the container sees CPUs and memory of the host. */
  readonly view?: ViewPlan;
}

/** Devices of the host whose numbers native looks up at each start; they add to linux.devices and its policy. */
export interface DevicesPlan {
  readonly nodes: readonly {
    /** A node, or a link to one; `usb:VVVV:PPPP`: what is plugged in with these numbers. */
    readonly source: string;
    /** Absent, of the USB only: that which it has on the host. */
    readonly path?: ContainerPath;
    /** Of r, w, m. */
    readonly access: string;
    readonly uid: number;
    readonly gid: number;
    /** Absent: that of the source. */
    readonly fileMode?: number;
    /** The supervisor gives it when it comes and takes it when it goes. */
    readonly optional?: true;
  }[];
  /** Permission alone: for the device of a path, or for a driver's of /proc/devices by a pattern of fnmatch(3). */
  readonly allow: readonly ({ readonly access: string } & (
    | { readonly path: HostPath }
    | { readonly type: 'c' | 'b'; readonly driver: string }
  ))[];
}

export type RootfsPlan = {
  /** How much may be written, and what enforces it: a project of the container's own, its subvolume, the tmpfs. */
  readonly limit?: { readonly by: 'project' | 'subvolume' | 'memory'; readonly bytes: number };
} & (
  | {
      readonly driver: 'overlay';
      /** Absolute paths of the layers' trees, lowest first, owned by 0-based ids. */
      readonly layers: readonly HostPath[];
      /** Directory that holds the upper `tree/` and `work/` (one id-mapped mount for both). */
      readonly upperDir: HostPath;
      /** `run`: upperDir is made empty at each start and removed at the end. Absent: it is kept. */
      readonly upper?: 'run';
      readonly readonly: boolean;
    }
  | {
      readonly driver: 'overlay';
      readonly layers: readonly HostPath[];
      /** What is written is in a tmpfs. */
      readonly upper: 'memory';
      /** Where it goes instead on a kernel whose tmpfs cannot hold it (before 6.6), as with `run`. */
      readonly upperDir: HostPath;
      /** The root is an empty tmpfs with the layers' /usr, read-only, and their links into it. */
      readonly usrOnly?: true;
      readonly readonly: boolean;
    }
  | {
      readonly driver: 'dir';
      readonly path: HostPath;
      readonly readonly: boolean;
    }
);

export interface CgroupPlan {
  readonly driver: 'systemd' | 'v2' | 'hybrid';
  /** Mount point of the cgroup2 hierarchy on the host: /sys/fs/cgroup or /sys/fs/cgroup/unified. */
  readonly unifiedMount: HostPath;
  /** hybrid only: v1 hierarchies by their mount points, with the controllers each holds. */
  readonly v1: readonly { readonly mount: HostPath; readonly controllers: readonly string[] }[];
  /** Path below each mount, `/tsct/KEY`; systemd: ignored, the unit's own. */
  readonly path: string;
  /** Written in this order, before anything of the guest runs. Nothing inside may write to these files. */
  readonly limits?: readonly LimitPlan[];
  /** systemd: the slice of its unit. Absent: tsct.slice. */
  readonly slice?: string;
  /** Of the groups of slices above it, part of `path`: `/tsct/web.slice`. Shared, and set again at each start. */
  readonly sliceLimits?: readonly (LimitPlan & { readonly group: string })[];
}

/** Done by the supervisor: native/supervisor/oom.cc. */
export type OomPlan = (
  | { readonly policy: 'kill' | 'kill-all' | 'freeze' | 'restart' }
  | { readonly policy: 'raise'; readonly raisePercent: number; readonly raiseMaxBytes: number }
) & {
  /** A program of the host. */
  readonly hook?: HostPath;
};

/** A file of one of the container's control groups. */
export interface LimitPlan {
  /** Of [Resources], for messages: `MemoryMax`. */
  readonly key: string;
  /** Where the hierarchy of v1 is mounted. Absent: it is v2's. */
  readonly v1?: HostPath;
  /** v2: of the group that stands beside other containers'. Absent: of the guest's, `payload`. */
  readonly base?: true;
  /** `memory.max`. */
  readonly file: string;
  readonly value: string;
  /** A block device or anything on it: the number of its whole disk stands before the value. */
  readonly device?: HostPath;
  /** What a new group has: nothing to do where the file or the disk is gone. Only in a change of what runs. */
  readonly reset?: true;
}

/** For the mount of type sysfs: native builds the skeleton there instead; runc mounts the whole, read-only. */
export interface SysPlan {
  /** Directories of sysfs shown read-only on a small read-only tmpfs: block bus class dev devices kernel. */
  readonly skeleton: readonly string[];
}

export interface ProcPlan {
  /** A fresh boot_id each start, over /proc/sys/kernel/random/boot_id. */
  readonly bootId: boolean;
  /** Sub-trees of /proc/sys that stay writable below a read-only /proc/sys: `net`. */
  readonly writableSys: readonly string[];
}

export interface MountExtra {
  /** A source that does not exist is skipped. */
  readonly optional?: boolean;
  /**
   * Which ids a bind shows: `container` maps 0..n as the container's; `root` maps the source's owner to
   * the container's root; `owner` maps the source's owner to the owner of the destination; `given`: what the mount's
   * uidMappings and gidMappings say. Absent: none.
   */
  readonly idmap?: 'container' | 'root' | 'owner' | 'given';
  /** overlay: lower directories on the host, lowest first; a leading `+` is inside the root. */
  readonly lowers?: readonly string[];
  /** overlay: upper directory; absent for read-only ones. Empty string: temporary. */
  readonly upper?: string;
  /** Make the destination as file or directory, as the source is. */
  readonly create?: boolean;
}

/** One change inside a root, resolved with RESOLVE_IN_ROOT; missing parents are made 0755 root. */
export type FileEdit =
  | {
      readonly op: 'write';
      readonly path: ContainerPath;
      readonly content: string;
      readonly mode: number;
      /**
       * Only if the file exists / does not exist / is missing or a regular file (`plain`); absent: always.
       * A symlink at the path is replaced, not followed.
       */
      readonly when?: 'exists' | 'missing' | 'plain';
    }
  | {
      readonly op: 'symlink';
      readonly path: ContainerPath;
      readonly target: string;
      /** `target`: only if the target, seen from the link, exists inside the root. */
      readonly when?: 'exists' | 'missing' | 'target';
    }
  | { readonly op: 'remove'; readonly path: ContainerPath };

export interface ConsolePlan {
  /** The log is a ring of two files of this size each in the run directory. */
  readonly logBytesMax: number;
}

export interface InitPlan {
  /** Candidates tried in order inside the root when process.args[0] is empty: see process.args. */
  readonly candidates: readonly ContainerPath[];
  /** Signal numbers; absent: chosen by what init is found to be (nspawn.md §3.9). */
  readonly haltSignal?: number;
  readonly rebootSignal?: number;
  /** CPUs for sched_setaffinity(2), ascending; absent: all. */
  readonly cpuAffinity?: readonly number[];
}

export interface ReadinessPlan {
  /** true: READY=1 of PID 1 on /run/host/notify counts; else the observed fallback. */
  readonly notify: boolean;
}

export interface RestartPlan {
  readonly policy: 'no' | 'always' | 'on-failure' | 'on-success' | 'on-abnormal';
  readonly delayMs: number;
  readonly limitBurst: number;
  readonly limitIntervalMs: number;
}
