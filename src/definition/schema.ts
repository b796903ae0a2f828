import { badValue, parseDurationMs, parseSizeBytes } from '../base/units.js';
import { EXEC_KEYS } from './exec-keys.js';
import { FILE_KEYS } from './file-keys.js';
import { type KeyRow, list, one, oneOr, type SectionValues } from './key-row.js';
import { INTERFACE_KEYS, NETWORK_KEYS } from './network-keys.js';
import { isInterfaceName } from './network-values.js';
import { RESOURCE_KEYS } from './resource-keys.js';
import { parseHook, parseNamePattern, parseSchedule, parseText, SCHEDULE_SYNTAX } from './schedule-values.js';
import { parseBoolean, parseChoice, parseDriver, parseInteger, parseNames, parsePool } from './values.js';

/** As many times as the supervisor keeps (kRestartTimesMax). */
const RESTARTS_REMEMBERED = 32;

const start = {
  Autostart: oneOr('autostart', parseBoolean, 'no', {
    syntax: 'BOOL',
    help: 'Start with `tsct start --all`, which the host does at boot.',
  }),
  Order: oneOr('order', parseInteger(-1000, 1000), '0', {
    syntax: '-1000...1000',
    help: 'Lower ones start first, equal ones together; stopped in reverse.',
  }),
  Delay: oneOr('delayMs', parseDurationMs, '0', {
    syntax: 'TIME',
    unit: 'seconds',
    help: 'Wait this long after starting, before the next order.',
  }),
  After: list('after', parseNames, {
    syntax: 'CONTAINER...',
    help: 'Containers that must be running first.',
  }),
  Restart: oneOr('restart', parseChoice('no', 'always', 'on-failure', 'on-success', 'on-abnormal'), 'no', {
    syntax: 'no|always|on-failure|on-success|on-abnormal',
    help: 'Start again when init ends by itself, as systemd.service(5) has it.',
  }),
  RestartSec: oneOr('restartDelayMs', parseDurationMs, '100ms', {
    syntax: 'TIME',
    unit: 'seconds',
    help: 'Pause before starting again.',
  }),
  StartLimitBurst: oneOr('startLimitBurst', parseInteger(0, RESTARTS_REMEMBERED), '5', {
    syntax: '0...32',
    help: 'Starts within StartLimitIntervalSec= after which Restart= gives up; 0: never.',
  }),
  StartLimitIntervalSec: oneOr('startLimitIntervalMs', parseDurationMs, '10s', {
    syntax: 'TIME',
    unit: 'seconds',
    help: 'See StartLimitBurst=; 0: never give up.',
  }),
};

/** Below that no file system could hold a root. */
const SIZE_MIN = 64 * 1024;

function parsePositiveSize(text: string): number {
  const sizeBytes = parseSizeBytes(text);
  if (sizeBytes < SIZE_MIN) throw badValue(`"${text}" is less than 64K`);
  return sizeBytes;
}

const storage = {
  Driver: one('driver', parseDriver, {
    syntax: 'overlay|btrfs|reflink|lvm-thin|dir',
    help: 'How the writable root is kept; takes effect at create and clone. overlay: on top of shared layers; btrfs: a subvolume; reflink: a tree that shares its blocks with its copies (xfs, btrfs); lvm-thin: a volume in Pool=, whose snapshots and clones are snapshots of it; dir: a tree of its own. Not set: btrfs where the state root is on btrfs, else overlay where the host can, else dir.',
  }),
  Pool: one('pool', parsePool, {
    syntax: 'VG/POOL',
    help: 'The thin pool of LVM that volumes of driver lvm-thin are made in (make one: lvcreate -T -L SIZE VG/POOL); takes effect at create and clone. A volume is an ext4 as large as the pool, and takes what was written to it. Nothing but SizeMax= keeps a container from filling the pool, for all that are in it: have lvm2 extend it (lvmthin(7), thin_pool_autoextend_threshold), or watch lvs.',
  }),
  SizeMax: one('sizeMaxBytes', parsePositiveSize, {
    syntax: 'SIZE',
    unit: 'bytes',
    help: 'How much the root may take on disk, from the next start on. ext4 and xfs need project quotas: what the container has written counts, with driver overlay what its snapshots hold on to, too. btrfs needs driver btrfs and quotas turned on: all that the root shows counts, shared with others or not. lvm-thin needs nothing: all that the root shows counts. With Volatile=, how much memory.',
  }),
  Volatile: oneOr('volatile', parseChoice('no', 'yes', 'state', 'overlay'), 'no', {
    syntax: 'no|yes|state|overlay',
    help: 'What is written goes to memory and is gone with the run, as systemd.nspawn(5) has it. yes: the root is empty but for /usr, which is read-only (a systemd inside then asks for its settings on the console, unless Exec.Parameters= has systemd.firstboot=no); state: the root is read-only and /var is empty; overlay: the whole root is there and may be written to. What a root in memory may take is a quarter of the memory of the host (or SizeMax=); it counts as memory of the container. On kernels before 6.6 what overlay writes goes to disk instead, where SizeMax= cannot bound it; it is gone with the run all the same.',
  }),
};

const snapshots = {
  Schedule: list('schedules', parseSchedule, {
    syntax: SCHEDULE_SYNTAX,
    help: 'Snapshots that `tsct snapshot run-schedules` takes; one a schedule makes up for all missed turns. keep= says which of those that this schedule made stay, all others of it go (see KEEP RULES); without it all stay. Others are never touched.',
  }),
  NamePattern: oneOr('namePattern', parseNamePattern, '{schedule}-{utc}', {
    syntax: 'TEXT',
    help: 'Names of the snapshots that schedules take. {container}, {schedule}, {utc} and {local} (the time, such as 20261122T023000Z) are filled in; one of the two times must be there.',
  }),
  Stopped: oneOr('stopped', parseBoolean, 'no', {
    syntax: 'BOOL',
    help: 'Take snapshots while the container is stopped, too.',
  }),
  FreezeHook: one('freezeHook', parseText, {
    syntax: 'COMMAND',
    help: 'Run by sh inside a running container right before it stands still, so that a database writes out what it holds back. If it fails, there is no snapshot.',
  }),
  ThawHook: one('thawHook', parseText, {
    syntax: 'COMMAND',
    help: 'Run by sh inside as soon as the container goes on.',
  }),
  PreHook: list('preHooks', parseHook, {
    syntax: 'PROGRAM [ARGUMENT...]',
    help: 'Run on the host, without a shell, before a schedule takes a snapshot; it sees TSCT_CONTAINER, TSCT_SNAPSHOT and TSCT_SCHEDULE. If it fails, there is no snapshot.',
  }),
  PostHook: list('postHooks', parseHook, {
    syntax: 'PROGRAM [ARGUMENT...]',
    help: 'Run afterwards, whether or not there is a snapshot: TSCT_RESULT is done or failed.',
  }),
};

/** The key table: section → key → row. Man page, help and validation come from here. */
export const SCHEMA = {
  Exec: EXEC_KEYS,
  Files: FILE_KEYS,
  Network: NETWORK_KEYS,
  Resources: RESOURCE_KEYS,
  Start: start,
  Storage: storage,
  Snapshots: snapshots,
};

/** Sections of which there may be several, each for the thing that its header names: [Network eth0]. */
export const INSTANCE_SCHEMA = { Network: INTERFACE_KEYS };

/** What stands for the name in listings of keys. */
export const INSTANCE_PLACEHOLDER = 'IF';

/** Takes a header apart; undefined for a section of which there is one, or none. */
export function instanceOf(section: string): { readonly kind: 'Network'; readonly name: string } | undefined {
  const [, kind, name] = /^(\S+) (.+)$/.exec(section) ?? [];
  return kind === 'Network' && name !== undefined && isInterfaceName(name) ? { kind, name } : undefined;
}

const TABLE: Readonly<Record<string, Readonly<Record<string, KeyRow>>>> = SCHEMA;

/** Keys of a section by their names; undefined if there is no such section. Own properties only: `constructor` is none. */
export function rowsOf(section: string): Readonly<Record<string, KeyRow>> | undefined {
  if (Object.hasOwn(TABLE, section)) return TABLE[section];
  const instance = instanceOf(section);
  return instance && INSTANCE_SCHEMA[instance.kind];
}

/** How the command line calls a key: `Network.eth0.Port`. */
export function settingName(section: string, key: string): string {
  return `${section.replace(' ', '.')}.${key}`;
}

/** What each section is for, for the man page. */
export const SECTION_HELP: Readonly<Record<keyof typeof SCHEMA, string>> = {
  Exec: 'What init gets.',
  Files: 'What the container sees besides its root file system.',
  Network:
    'What is said once for all interfaces. A container has loopback, and one interface for each [Network IF] section; tsct create writes one, eth0 on the network tsct0, unless it is told about another.',
  Resources:
    "How much of the host it may take. Limits are on control groups that nothing inside can write to. What this host's control groups cannot do is refused, never ignored.",
  Start: 'When the container starts, and starts again.',
  Storage: 'How the root file system is kept.',
  Snapshots:
    'Which snapshots are taken by themselves: by cron or a systemd timer that runs `tsct snapshot run-schedules`.',
};

/** The same for sections with a name in their header. */
export const INSTANCE_HELP: Readonly<Record<keyof typeof INSTANCE_SCHEMA, string>> = {
  Network:
    'One section for each interface, such as [Network eth0], which is its name inside. The command line calls its keys Network.eth0.Port and the like.',
};

export type Schema = typeof SCHEMA;
export type SectionName = keyof Schema;

/** A place in a file. */
export interface Origin {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** The line that set a value, with what it said. */
export interface SettingOrigin extends Origin {
  readonly text: string;
  /** Counts the values of all texts, in the order in which they stand. */
  readonly order: number;
}

/** One [Network IF] section. */
export type InterfaceDefinition = { readonly name: string } & SectionValues<typeof INTERFACE_KEYS>;

/** A parsed, validated config. */
export type ContainerDefinition = {
  readonly [S in SectionName as Uncapitalize<S>]: SectionValues<Schema[S]>;
} & {
  /** In the order of their first headers. */
  readonly interfaces: readonly InterfaceDefinition[];
  /** Where each value that is set came from, by `Section.Key` or `Network.eth0.Key`, one place per item of a list. */
  readonly origins: ReadonlyMap<string, readonly SettingOrigin[]>;
};
