import type { Context } from './context.js';
import { forEach } from './each.js';
import { isEphemeral } from './ephemeral.js';
import { observe } from './observe.js';
import { type StartResult, start } from './start.js';
import { reboot, stop } from './stop.js';
import { waitFor } from './watch.js';

export interface RestartOptions {
  readonly kill: boolean;
  /** The guest reboots by itself, under the same supervisor. */
  readonly reboot: boolean;
  readonly wait: boolean;
  /** Before killing what does not stop. */
  readonly timeoutMs: number;
}

export async function restartEach(
  ctx: Context,
  names: readonly string[],
  options: RestartOptions,
): Promise<(StartResult | { readonly name: string })[]> {
  return forEach(names, async (name) => {
    if (options.reboot) {
      await reboot(ctx, name);
      if (options.wait) await waitFor(ctx, name, 'ready');
      return { name };
    }
    const ephemeral = (await observe(ctx, name)).status !== undefined && (await isEphemeral(ctx, name));
    await stop(ctx, name, options);
    return start(ctx, name, { wait: options.wait, ephemeral });
  });
}
