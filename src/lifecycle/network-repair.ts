import type { LaunchPlan } from '../plan/launch-plan.js';
import { Networks } from '../state/network.js';
import { repairNetwork as repairNative } from '../supervisor/setup.js';
import { compile } from './compile.js';
import type { Context } from './context.js';
import { forEach } from './each.js';
import { readCompiled } from './kept-plan.js';
import { mendPorts } from './live-change.js';
import { withLock } from './locking.js';
import { checkNetworkName } from './network-settings.js';
import { type NetworkUser, usersOf } from './network-users.js';
import { observe } from './observe.js';

/** A network, or a container that the host routes to. */
export interface Repaired {
  readonly name: string;
  readonly repaired: boolean;
  /** It is a container: what is routed is on no network. */
  readonly routed?: true;
}

/**
 * Makes again what somebody took away of networks that are in use: bridge, its ports and addresses, tables, dnsmasq; of
 * all of them with the tables of routed interfaces.
 * @returns those that containers run on; the others have nothing to be mended.
 */
export async function repairNetworks(ctx: Context, names: readonly string[]): Promise<Repaired[]> {
  if (names.length === 0) {
    const bridged = await repairBridged(ctx, await new Networks(ctx.layout).names());
    return [...bridged, ...(await repairRouted(ctx))];
  }
  return repairBridged(ctx, names);
}

async function repairRouted(ctx: Context): Promise<Repaired[]> {
  const found = await Promise.all(
    ctx.store.list().map(async (name) => ((await routedPlan(ctx, name)) ? [name] : [])),
  );
  return forEach(found.flat(), async (name) => {
    const repaired = await withLock(ctx, name, async () => {
      const plan = await routedPlan(ctx, name);
      if (plan) await repairNative(plan, `of ${name}`);
      return plan !== undefined;
    });
    await mendPorts(ctx, name);
    return { name, repaired, routed: true } as const;
  });
}

/** That of a run with interfaces that have tables of their own, with nothing but these; undefined: it has none. */
async function routedPlan(ctx: Context, name: string): Promise<LaunchPlan | undefined> {
  const started = (await observe(ctx, name)).status && (await readCompiled(ctx, name));
  const interfaces = (started?.plan.tsct.network?.interfaces ?? []).filter((one) => one.kind === 'routed');
  if (!started || interfaces.length === 0) return undefined;
  return { ...started.plan, tsct: { ...started.plan.tsct, network: { networks: [], interfaces } } };
}

function repairBridged(ctx: Context, names: readonly string[]): Promise<Repaired[]> {
  return forEach(names, async (name) => {
    checkNetworkName(name);
    await new Networks(ctx.layout).need(name);
    const users = await usersOf(ctx, name);
    const repaired = await repairOne(ctx, name, users);
    for (const user of users.filter(({ running }) => running)) await mendPorts(ctx, user.name);
    return { name, repaired };
  });
}

/** By the plan of one who runs there: it says what the network is. */
export async function repairOne(ctx: Context, name: string, users: readonly NetworkUser[]): Promise<boolean> {
  const user = users.find(({ running }) => running);
  if (!user) return false;
  const { plan } = await compile(ctx, user.name, 'config', { isDryRun: true });
  const network = plan.tsct.network;
  if (!network?.networks.some((one) => one.name === name)) return false;
  const networks = network.networks.filter((one) => one.name === name);
  const interfaces = network.interfaces.filter((one) => one.bridge === networks[0]?.bridge);
  await repairNative({ ...plan, tsct: { ...plan.tsct, network: { networks, interfaces } } }, name);
  return true;
}
