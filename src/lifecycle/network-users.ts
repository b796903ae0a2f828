import { ExitCode, TsctError } from '../base/errors.js';
import { loadDefinition } from '../definition/load.js';
import { networkOfInterface } from '../network/kinds.js';
import { type Allotment, readIdentity } from '../state/identity.js';
import { interfacesOf } from './allot-interfaces.js';
import type { Context } from './context.js';
import { readCompiled } from './kept-plan.js';
import { observe } from './observe.js';

/** A container that is on a network. */
export interface NetworkUser {
  readonly name: string;
  /** Its present run is. */
  readonly running: boolean;
  /** What it has there; null: nothing was allotted yet. */
  readonly ipv4: string | null;
  readonly ipv6: string | null;
}

/**
 * Who is on networks by config or present run: each container is looked at once, for however many networks.
 * @throws TSCT_NETWORK_USERS (exit 4) if a config cannot be read.
 */
export async function networkUsers(
  ctx: Context,
  networks: readonly string[],
): Promise<ReadonlyMap<string, readonly NetworkUser[]>> {
  const containers = await Promise.all(ctx.store.list().map((name) => connectionsOf(ctx, name)));
  return new Map(
    networks.map((network) => [network, containers.flatMap((container) => userOf(container, network))]),
  );
}

/** @throws TSCT_NETWORK_USERS (exit 4). */
export async function usersOf(ctx: Context, network: string): Promise<readonly NetworkUser[]> {
  return (await networkUsers(ctx, [network])).get(network) ?? [];
}

interface Connections {
  readonly name: string;
  /** Networks by config, and by present run. */
  readonly configured: readonly string[];
  readonly started: readonly string[];
  readonly allotted: readonly Allotment[];
}

async function connectionsOf(ctx: Context, name: string): Promise<Connections> {
  const interfaces = interfacesOf(await readConfig(ctx, name));
  const configured = interfaces.flatMap((of) => networkOfInterface(of) ?? []);
  const isRunning = (await observe(ctx, name)).status !== undefined;
  const plan = isRunning ? (await readCompiled(ctx, name))?.plan.tsct.network : undefined;
  const started = (plan?.networks ?? []).map((use) => use.name);
  if (configured.length + started.length === 0) return { name, configured, started, allotted: [] };
  const { addresses } = await readIdentity(ctx.layout.identityFile(name));
  return { name, configured, started, allotted: Object.values(addresses) };
}

function userOf({ name, configured, started, allotted }: Connections, network: string): NetworkUser[] {
  const running = started.includes(network);
  if (!running && !configured.includes(network)) return [];
  const own = allotted.find((one) => one.network === network);
  return [{ name, running, ipv4: own?.ipv4 ?? null, ipv6: own?.ipv6 ?? null }];
}

async function readConfig(ctx: Context, name: string) {
  try {
    return await loadDefinition(ctx.layout.containerDir(name));
  } catch (cause) {
    throw new TsctError(
      'TSCT_NETWORK_USERS',
      `cannot tell which networks ${name} is on: its config is wrong`,
      {
        exitCode: ExitCode.WrongState,
        hint: `mend it: tsct config edit ${name}`,
        cause,
      },
    );
  }
}
