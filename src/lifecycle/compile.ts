import { loadTexts, readCredentials } from '../definition/load.js';
import { type ConfigText, parseDefinition } from '../definition/parse.js';
import type { ContainerDefinition } from '../definition/schema.js';
import { loadSlice } from '../definition/slice-file.js';
import { readLinkMac } from '../host/links.js';
import { mountOf, readMountTable } from '../host/mount-table.js';
import { probeHost } from '../host/probe-host.js';
import { type HostUser, readHostUser } from '../host/users.js';
import { buildPlan } from '../plan/build-plan.js';
import type { PlanNetwork, SliceText, WritesTo } from '../plan/plan-input.js';
import { writesToMemory } from '../plan/rootfs.js';
import { sliceChain } from '../plan/slices.js';
import { readCurrent } from '../state/current.js';
import { type Identity, readIdentity, writeIdentity } from '../state/identity.js';
import { Networks } from '../state/network.js';
import type { Root } from '../state/root.js';
import { type LimitedBy, sizeLimitedBy } from '../storage/size-limit.js';
import { allotInterfaces } from './allot-interfaces.js';
import { checkHook } from './check-limits.js';
import type { Context } from './context.js';
import { chainsToOpen } from './forward-drops.js';
import { readJoinedResolvConf } from './joined-network.js';
import { type Compiled, readCompiled } from './kept-plan.js';
import { needNetworkPrograms } from './network-programs.js';
import { presentTrees } from './present-trees.js';

/**
 * Definition, identity and host facts to plan: reads, decides, and changes nothing but that an interface that is new
 * in the config is allotted what it lacks. The trees that the plan names are there afterwards: those that are volumes
 * may have had to be mounted.
 * @param options.isDryRun nothing is allotted either. @param options.config in place of what is on disk.
 * @throws TSCT_CONFIG_* with file and line, TSCT_DAMAGED_RECORD, TSCT_NEWER_FORMAT, TSCT_HOST_* (exit 5).
 */
export async function compile(
  ctx: Context,
  name: string,
  writesTo: WritesTo = 'config',
  options: { readonly isDryRun?: boolean; readonly config?: readonly ConfigText[] } = {},
): Promise<Compiled> {
  const dir = ctx.layout.containerDir(name);
  const [config, before, current] = await Promise.all([
    options.config ?? loadTexts(dir),
    readIdentity(ctx.layout.identityFile(name)),
    readCurrent(ctx.layout.currentFile(name)),
  ]);
  const definition = parseDefinition(config);
  if (writesTo === 'config') checkHook(definition);
  const identity =
    writesTo === 'kept'
      ? before
      : await allotInterfaces(ctx, name, definition, before, async (allotted) => {
          if (allotted === before || options.isDryRun) return;
          await writeIdentity(ctx.layout.identityFile(name), allotted);
        });
  const credentials = await readCredentials(definition);
  await presentTrees(ctx, current);
  const resolvConf = await readJoinedResolvConf(definition, async (other) => {
    return (await readCompiled(ctx, other))?.plan;
  });
  const plan = buildPlan({
    name,
    layout: ctx.layout,
    definition,
    identity,
    root: {
      isOverlay: current.driver === 'overlay',
      layers: current.layers.map(ctx.layout.layerTree),
      upperDir: ctx.layout.layerDir(current.upper),
      ...limitOf(ctx, name, definition, current, writesTo),
    },
    networks: writesTo === 'kept' ? [] : await networksOf(ctx, identity, options.isDryRun === true),
    linkMacs: await linkMacsOf(ctx, name, definition),
    hostUsers: writesTo === 'kept' ? {} : await hostUsersOf(definition),
    ...(resolvConf === undefined ? {} : { joinedResolvConf: resolvConf }),
    slices: writesTo === 'kept' ? [] : await slicesOf(definition),
    writesTo,
    facts: probeHost(),
    credentials,
  });
  return { plan, config };
}

/** A link that the container has already is not among those of the host: the plan of its run knows. */
async function linkMacsOf(
  ctx: Context,
  name: string,
  { interfaces }: ContainerDefinition,
): Promise<Readonly<Record<string, string>>> {
  const links = interfaces.flatMap(({ kind, link }) => (kind === 'physical' ? (link ?? []) : []));
  const away = links.some((link) => readLinkMac(link) === undefined);
  const had = (away && (await readCompiled(ctx, name))?.plan.tsct.network?.interfaces) || [];
  const macOf = (link: string) =>
    readLinkMac(link) ?? had.find((one) => one.kind === 'physical' && one.link === link)?.mac ?? '';
  return Object.fromEntries(links.map((link) => [link, macOf(link)]).filter(([, mac]) => mac !== ''));
}

async function slicesOf({ resources: { slice } }: ContainerDefinition): Promise<readonly SliceText[]> {
  const found = (slice === undefined ? [] : sliceChain(slice)).map(async (name) => {
    const definition = await loadSlice(name);
    return definition ? [{ name, definition }] : [];
  });
  return (await Promise.all(found)).flat();
}

async function hostUsersOf({ files }: ContainerDefinition): Promise<Readonly<Record<string, HostUser>>> {
  const users = await Promise.all([...new Set(files.bindUsers)].map(readHostUser));
  return Object.fromEntries(users.flatMap((user) => (user ? [[user.name, user] as const] : [])));
}

/** @throws TSCT_NO_NETWORK (exit 3), TSCT_PROGRAM_MISSING (exit 5). */
async function networksOf(ctx: Context, { addresses }: Identity, isMending: boolean): Promise<PlanNetwork[]> {
  const names = [...new Set(Object.values(addresses).map(({ network }) => network))];
  if (names.length === 0) return [];
  const { dnsmasq } = needNetworkPrograms();
  const networks = new Networks(ctx.layout);
  return Promise.all(
    names.map(async (name) => {
      const opens = await chainsToOpen(ctx, name, isMending);
      return { ...(await networks.need(name)), dnsmasq, opens };
    }),
  );
}

/** @throws TSCT_HOST_NO_QUOTA (exit 5). */
function limitOf(
  ctx: Context,
  name: string,
  { storage }: ContainerDefinition,
  current: Root,
  writesTo: WritesTo,
): { readonly limitedBy?: LimitedBy } {
  if (storage.sizeMaxBytes === undefined || writesTo === 'kept') return {};
  const inMemory = writesToMemory(storage, writesTo);
  const isSubvolume = current.driver === 'btrfs' && writesTo === 'config';
  // What --ephemeral writes lies on the state root itself.
  const place = writesTo === 'config' ? ctx.layout.layerTree(current.upper) : ctx.layout.root;
  return { limitedBy: sizeLimitedBy(name, { inMemory, isSubvolume }, mountOf(place, readMountTable())) };
}
