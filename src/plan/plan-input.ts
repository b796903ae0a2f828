import type { HostPath, StateLayout } from '../base/paths.js';
import type { ContainerDefinition } from '../definition/schema.js';
import type { HostFacts } from '../host/facts.js';
import type { HostUser } from '../host/users.js';

/** Everything that a plan is made of: the same input gives the same plan, byte for byte. */
export interface PlanInput {
  readonly name: string;
  readonly layout: StateLayout;
  readonly definition: ContainerDefinition;
  readonly identity: PlanIdentity;
  readonly root: PlanRoot;
  /** Those of tsct that its identity has addresses on. */
  readonly networks: readonly PlanNetwork[];
  /** For Namespace=: what resolv.conf(5) says in the namespace that is joined; absent: what the host's does. */
  readonly joinedResolvConf?: string;
  /** MAC addresses of links of the host that are to be given to it. */
  readonly linkMacs?: Readonly<Record<string, string>>;
  /** Those of BindUser= that the host has, by name. */
  readonly hostUsers?: Readonly<Record<string, HostUser>>;
  /** What is said of the slice that it is to be in, and of those above. */
  readonly slices?: readonly SliceText[];
  /** Absent: `config`. */
  readonly writesTo?: WritesTo;
  readonly facts: HostFacts;
  /** Contents of the LoadCredential= files by ID, base64 (`readCredentials` in src/definition). */
  readonly credentials: Readonly<Record<string, string>>;
}

/**
 * Where what a run writes to its root goes: `config`, as [Storage] Volatile= says; `kept`, the container's own root
 * whatever that says (for changes to a stopped one); `run`, a layer on disk that is gone with the run; `memory`.
 */
export type WritesTo = 'config' | 'kept' | 'run' | 'memory';

/** What a plan needs of src/state's Identity. */
export interface PlanIdentity {
  /** RFC 4122 text form. */
  readonly uuid: string;
  readonly idBase: number;
  readonly idCount: number;
  /** By the interface's name inside. */
  readonly macs: Readonly<Record<string, string>>;
  /** On networks of tsct, without prefix length. */
  readonly addresses: Readonly<
    Record<string, { readonly network: string; readonly ipv4: string; readonly ipv6: string }>
  >;
}

/** Limits of a slice. */
export interface SliceText {
  /** `web.slice` */
  readonly name: string;
  /** Its [Slice] as [Resources]. */
  readonly definition: ContainerDefinition;
}

/** What a plan needs of src/state's NetworkRecord. */
export interface PlanNetwork {
  readonly name: string;
  /** Subnets with prefix length. */
  readonly ipv4: string;
  readonly ipv6: string;
  readonly mtu?: number;
  /** The program. */
  readonly dnsmasq: HostPath;
  /** Chains of Docker's, whose DOCKER-USER has to let the bridge through. */
  readonly opens?: readonly { readonly family: string; readonly table: string }[];
}

/** What a plan needs of src/state's Current. */
export interface PlanRoot {
  /** An overlay, or one whole tree. */
  readonly isOverlay: boolean;
  /** Trees of the layers, lowest first; empty for a whole tree. */
  readonly layers: readonly HostPath[];
  /** Directory of the writable layer: `tree` is in it, and an overlay's `work`. */
  readonly upperDir: HostPath;
  /** What enforces [Storage] SizeMax= here. */
  readonly limitedBy?: 'project' | 'subvolume' | 'memory';
}
