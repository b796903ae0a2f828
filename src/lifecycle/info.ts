import { type Accounts, readAccounts } from '../state/accounts.js';
import { readCurrent } from '../state/current.js';
import { groupsOf } from '../state/group-text.js';
import { sliceOf } from '../state/groups.js';
import { readIdentity } from '../state/identity.js';
import type { ExitRecord } from '../supervisor/protocol.js';
import type { Context } from './context.js';
import { isEphemeral } from './ephemeral.js';
import { type InterfaceInfo, interfaceInfos } from './interface-info.js';
import { readLastExit } from './last-exit.js';
import { ifUnlocked } from './locking.js';
import { observe, type State } from './observe.js';
import { pendingKeys } from './pending.js';
import { type StorageUsage, storageUsage } from './storage-usage.js';
import { tearDown } from './tear-down.js';
import { uptimeSeconds } from './uptime.js';

/** Everything about one container; `list` has a part of it under the same names. */
export interface ContainerInfo {
  readonly name: string;
  readonly state: State;
  /** Of the guest's PID 1 on the host. */
  readonly pid: number | null;
  readonly supervisorPid: number | null;
  /** Seconds since init was started. */
  readonly uptime: number | null;
  /** Host ids `base` to `base + count - 1` are its ids 0 to `count - 1`. */
  readonly idmap: { readonly base: number; readonly count: number };
  /** That its interfaces really have, with prefix length; link-local ones left out. */
  readonly addresses: readonly string[];
  readonly network: readonly InterfaceInfo[];
  /** What it uses and how much it may; null while it is stopped. */
  readonly memory: Accounts['memory'] | null;
  /** Resources.MemoryMax= was reached `count` times since `tsct start`; held: OOMPolicy=freeze holds it there. */
  readonly oom: { readonly held: boolean; readonly count: number } | null;
  readonly cpu: Accounts['cpu'] | null;
  readonly tasks: Accounts['tasks'] | null;
  readonly io: Accounts['io'] | null;
  readonly pressure: Accounts['pressure'] | null;
  /** Controllers of cgroup v1 whose groups its PID 1 was moved out of by somebody on the host: their limits hold no more. */
  readonly lostControllers: readonly string[];
  /** That it runs in, and shares limits with others in. */
  readonly slice: string | null;
  /** Settings that were changed since the start and count from the next one, `Section.Key`. */
  readonly pending: readonly string[];
  readonly uuid: string;
  /** Which init, as far as its supervisor can tell. */
  readonly init: string | null;
  readonly ready: boolean;
  /** What told that it is ready: `notify`, `getty`, `runlevel`. */
  readonly readyBy: string | null;
  /** What the guest's init says about itself (sd_notify STATUS=). */
  readonly statusText: string | null;
  /** How often init has been started since `tsct start`. */
  readonly boots: number | null;
  /** ISO 8601. */
  readonly created: string;
  readonly started: string | null;
  readonly root: { readonly driver: string; readonly layers: readonly string[]; readonly path: string };
  /** What this run writes to its root is gone when it ends (start --ephemeral, or Storage.Volatile). */
  readonly ephemeral: boolean;
  readonly storage: StorageUsage;
  readonly lastExit: ExitRecord | null;
}

/** @throws TSCT_NO_CONTAINER (exit 3). */
export async function info(ctx: Context, name: string): Promise<ContainerInfo> {
  ctx.store.need(name);
  const observed = await observe(ctx, name);
  if (observed.debris) await ifUnlocked(ctx, name, () => tearDown(ctx, name));
  const [identity, current, lastExit] = await Promise.all([
    readIdentity(ctx.layout.identityFile(name)),
    readCurrent(ctx.layout.currentFile(name)),
    readLastExit(ctx, name),
  ]);
  const status = observed.status;
  const interfaces = await interfaceInfos(ctx, name, identity, status);
  const groups = status && groupsOf(status.cgroup, status.pid);
  const accounts = groups && readAccounts(groups);
  return {
    name,
    state: observed.state,
    pid: status?.pid || null,
    supervisorPid: status?.supervisorPid ?? null,
    uptime: status ? uptimeSeconds(status.startedAtMs) : null,
    idmap: { base: identity.idBase, count: identity.idCount },
    addresses: interfaces.flatMap((one) => one.addresses),
    network: interfaces,
    memory: accounts?.memory ?? null,
    oom: status ? { held: status.oomHeld ?? false, count: status.oomCount ?? 0 } : null,
    cpu: accounts?.cpu ?? null,
    tasks: accounts?.tasks ?? null,
    io: accounts?.io ?? null,
    pressure: accounts?.pressure ?? null,
    lostControllers: groups?.lost ?? [],
    slice: status ? sliceOf(status.cgroup) : null,
    pending: status ? await pendingKeys(ctx, name) : [],
    uuid: identity.uuid,
    init: status?.init ?? null,
    ready: status?.ready ?? false,
    readyBy: status?.readyBy || null,
    statusText: status?.statusText || null,
    boots: status?.boots ?? null,
    created: new Date(identity.createdMs).toISOString(),
    started: status?.startedAtMs ? new Date(status.startedAtMs).toISOString() : null,
    root: {
      driver: current.driver,
      layers: current.layers,
      path: ctx.layout.layerTree(current.upper),
    },
    storage: await storageUsage(ctx, name, current, status !== undefined),
    ephemeral: status !== undefined && (await isEphemeral(ctx, name)),
    lastExit,
  };
}
