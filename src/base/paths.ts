import { sha256 } from './digest.js';

declare const hostPath: unique symbol;
declare const containerPath: unique symbol;
/** An absolute path on the host. */
export type HostPath = string & { readonly [hostPath]?: true };
/** An absolute path as the container sees it: never join it to a HostPath by string (see native `openat2`). */
export type ContainerPath = string & { readonly [containerPath]?: never };

/** The parts are tidy already: what node:path does beyond this is a tenth of reading the accounts of 200 containers. */
const join = (...parts: readonly string[]): HostPath => parts.join('/');

export const DEFAULT_STATE_ROOT: HostPath = '/var/lib/tsct';
export const RUN_ROOT: HostPath = '/run/tsct';
/** Limits that containers share, `NAME.slice`, on hosts that are not run by systemd. */
export const SLICE_DIR: HostPath = '/etc/tsct/slices';

/** Where everything of one state root lives on disk (DESIGN §2). */
export class StateLayout {
  readonly root: HostPath;
  /** Empty for the default root, else 8 hex digits: keeps two roots apart in /run, cgroups, units and links. */
  readonly hash: string;

  constructor(root: HostPath) {
    this.root = root;
    this.hash = root === DEFAULT_STATE_ROOT ? '' : sha256(root).toString('hex').slice(0, 8);
  }

  /** Name of the container's run directory, cgroup and unit. `_` is not allowed in names: no two collide. */
  key(name: string): string {
    return this.hash ? `${name}_${this.hash}` : name;
  }

  containerDir = (name: string): HostPath => join(this.root, name);
  configFile = (name: string): HostPath => join(this.root, name, 'config');
  dropInDir = (name: string): HostPath => join(this.root, name, 'config.d');
  identityFile = (name: string): HostPath => join(this.root, name, 'identity.json');
  currentFile = (name: string): HostPath => join(this.root, name, 'current');
  snapshotDir = (name: string): HostPath => join(this.root, name, 'snapshots');
  /** Written by native at the end of a run: time, code, cause of the last exit. */
  lastExitFile = (name: string): HostPath => join(this.root, name, 'last-exit.json');
  /** The plan of the last start: what tears down after a crash. */
  planFile = (name: string): HostPath => join(this.root, name, '.plan.json');
  /** Interfaces of the last start, for accounts: a few words of the plan. */
  interfacesFile = (name: string): HostPath => join(this.root, name, '.interfaces.json');
  /** What a change of a running one began from; there while it is under way, or was killed. */
  changeFile = (name: string): HostPath => join(this.root, name, '.change.json');
  /** Marks a container that create has not finished: never listed as whole, swept by the next command. */
  partialMark = (name: string): HostPath => join(this.root, name, '.partial');
  /** flock of everything that changes one container. Lives outside NAME/ so that destroy and rename can hold it. */
  lockFile = (name: string): HostPath => join(this.root, '.locks', name);
  get store(): HostPath {
    return join(this.root, '.store');
  }
  layerDir = (id: string): HostPath => join(this.root, '.store', 'layers', id);
  /** Files that name layers for as long as somebody makes something of them. */
  get pinDir(): HostPath {
    return join(this.root, '.store', 'pins');
  }
  /** The tree of a layer. */
  layerTree = (id: string): HostPath => join(this.root, '.store', 'layers', id, 'tree');
  /** What a container started with --ephemeral writes: made by native at the start, removed by it at the end. */
  runLayer = (name: string): HostPath => join(this.root, '.store', 'runs', name);
  networkFile = (network: string): HostPath => join(this.root, '.networks', `${network}.json`);
  /** Of a network that is up: locks, records and files of its service. */
  networkRunDir = (bridge: string): HostPath => join(RUN_ROOT, '.net', bridge);
  /** Of lxcfs, while a container runs. */
  get viewRunDir(): HostPath {
    return join(RUN_ROOT, this.key('.lxcfs'));
  }
  get volumesDir(): HostPath {
    return join(this.root, '.store', 'volumes');
  }
  /** The files of a volume, owned by 0-based ids. */
  volumeTree = (name: string): HostPath => join(this.volumesDir, name, 'tree');
  runDir = (name: string): HostPath => join(RUN_ROOT, this.key(name));
  controlSocket = (name: string): HostPath => join(RUN_ROOT, this.key(name), 'control');
  /** Of the run that is under way. */
  consoleLog = (name: string): HostPath => join(RUN_ROOT, this.key(name), 'console.log');
}
