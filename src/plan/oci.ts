/** The OCI half of a launch plan: the fields of runtime-spec's config.md and config-linux.md that native carries out. */
import type { ContainerPath } from '../base/paths.js';

export const RLIMIT_INFINITY = 2 ** 53;

export interface OciProcess {
  readonly terminal: true;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: ContainerPath;
  readonly capabilities: {
    readonly bounding: readonly string[];
    readonly effective: readonly string[];
    readonly permitted: readonly string[];
    readonly inheritable: readonly string[];
    readonly ambient?: readonly string[];
  };
  /** A value of RLIMIT_INFINITY or more is RLIM_INFINITY: JSON numbers of JavaScript end at 2^53. */
  readonly rlimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
  readonly noNewPrivileges: boolean;
  readonly oomScoreAdj?: number;
}

export interface OciMount {
  readonly destination: ContainerPath;
  readonly type: 'proc' | 'sysfs' | 'tmpfs' | 'devpts' | 'mqueue' | 'cgroup' | 'bind' | 'overlay';
  /** bind: an absolute path on the host; with a leading `+`, inside the root. */
  readonly source: string;
  readonly options: readonly string[];
  readonly uidMappings?: readonly IdMapping[];
  readonly gidMappings?: readonly IdMapping[];
}

export interface IdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface OciDevice {
  readonly path: ContainerPath;
  readonly type: 'c' | 'b';
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface OciNamespace {
  readonly type: string;
  /** One that is there, to be joined. */
  readonly path?: string;
}

export interface OciLinux {
  readonly namespaces: readonly OciNamespace[];
  readonly uidMappings: readonly IdMapping[];
  readonly gidMappings: readonly IdMapping[];
  readonly devices: readonly OciDevice[];
  /** Path below each hierarchy's root, `/tsct/KEY`; on systemd hosts `tsct.slice:tsct:KEY`. */
  readonly cgroupsPath: string;
  readonly resources: OciResources;
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly seccomp: OciSeccomp;
  readonly maskedPaths: readonly ContainerPath[];
  readonly readonlyPaths: readonly ContainerPath[];
  readonly rootfsPropagation: 'shared';
  readonly personality?: { readonly domain: 'LINUX' | 'LINUX32' };
}

export interface OciResources {
  /** Applied in order: first the deny-all row, then what is allowed. */
  readonly devices: readonly {
    readonly allow: boolean;
    readonly type?: 'a' | 'c' | 'b';
    /** Absent: every number. */
    readonly major?: number;
    readonly minor?: number;
    readonly access: string;
  }[];
  readonly memory?: { readonly limit?: number; readonly reservation?: number };
  readonly pids?: { readonly limit: number };
  readonly cpu?: {
    readonly shares?: number;
    readonly quota?: number;
    readonly period?: number;
    readonly cpus?: string;
  };
}

export interface OciSeccomp {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  /** ENOSYS: a call that the list does not know lets a newer libc fall back. */
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  /** Names that the library does not know are skipped: defaultErrnoRet answers for them. */
  readonly syscalls: readonly {
    readonly names: readonly string[];
    readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
    readonly errnoRet?: number;
    readonly args?: readonly {
      readonly index: number;
      readonly value: number;
      readonly valueTwo?: number;
      readonly op: string;
    }[];
  }[];
}
