import { ExitCode, TsctError } from '../base/errors.js';
import { loadDefinition } from '../definition/load.js';
import { readIdentity } from '../state/identity.js';
import { interfacesOf } from './allot-interfaces.js';
import { readCompiled } from './compile.js';
import type { Context } from './context.js';
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

/** Who is on a network by config or present run. @throws TSCT_NETWORK_USERS (exit 4) if a config cannot be read. */
export async function networkUsers(ctx: Context, network: string): Promise<NetworkUser[]> {
  const all = await Promise.all(
    ctx.store.list().map(async (name): Promise<NetworkUser[]> => {
      const configured = interfacesOf(await readConfig(ctx, name)).some(
        (of) => of.bridge === undefined && of.network === network,
      );
      const isRunning = (await observe(ctx, name)).status !== undefined;
      const started = isRunning ? (await readCompiled(ctx, name))?.plan.tsct.network : undefined;
      const running = started?.networks.some((use) => use.name === network) ?? false;
      if (!configured && !running) return [];
      const { addresses } = await readIdentity(ctx.layout.identityFile(name));
      const own = Object.values(addresses).find((allotted) => allotted.network === network);
      return [{ name, running, ipv4: own?.ipv4 ?? null, ipv6: own?.ipv6 ?? null }];
    }),
  );
  return all.flat();
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
