/** The parts of a launch plan by which container and host know of each other. */
import type { ContainerPath, HostPath } from '../base/paths.js';

/** A file, or a symbolic link. */
export type RunHostFile = { readonly content: string; readonly mode: number } | { readonly target: string };

export interface RunHostPlan {
  /** Small files by name, which may have one directory in it: os-release, container-manager, userdb/x.user. */
  readonly files: Readonly<Record<string, RunHostFile>>;
  /** Name → content (base64), shown at /run/host/credentials/NAME mode 0400. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly notifySocket: boolean;
}

/** LinkJournal=: native/setup/journal.h says what is where. What the host keeps is bound by one of `mounts`. */
export interface JournalPlan {
  /** 32 hex digits. */
  readonly machineId: string;
  readonly keptBy: 'host' | 'guest';
  /** What cannot be linked is not, and nothing is said. */
  readonly optional: boolean;
}

/** lxcfs, which all containers of a state root share: native/setup/view.h. */
export interface ViewPlan {
  readonly runDir: HostPath;
  /** Where it mounts itself, out of sight of the host. */
  readonly mountPoint: HostPath;
  /** The program and its arguments. */
  readonly service: readonly string[];
  /** Of lxcfs, over those of the same path inside. */
  readonly files: readonly ContainerPath[];
}

/** A user of the host that is one inside: the container's own passwd and group must have neither name nor id. */
export interface BoundUser {
  readonly name: string;
  /** Inside. */
  readonly id: number;
}
