import { existsSync } from 'node:fs';
import { ExitCode, TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import { checkName } from '../state/names.js';
import type { Context } from './context.js';
import { forEach } from './each.js';
import { imageContext } from './image-context.js';
import { withLock } from './locking.js';
import { observe } from './observe.js';
import { stop } from './stop.js';
import { tearDown } from './tear-down.js';

/**
 * Throws a container away with everything in it. Layers that others use stay.
 * @param options.force kill it first if it runs; also takes away what an interrupted create left.
 * @throws TSCT_NO_CONTAINER (exit 3), TSCT_RUNNING (exit 4).
 */
async function destroy(ctx: Context, name: string, options: { readonly force: boolean }): Promise<void> {
  checkName(name);
  if (!existsSync(ctx.layout.containerDir(name))) ctx.store.need(name);
  await withLock(ctx, name, async () => {
    if (!existsSync(ctx.layout.containerDir(name))) ctx.store.need(name);
    const observed = await observe(ctx, name);
    if (observed.status && !options.force) throw running(name);
    if (observed.debris) await tearDown(ctx, name);
  });
  if (options.force && ctx.store.has(name)) await stop(ctx, name, { kill: true });
  await withLock(ctx, name, async () => {
    // Another destroy may have been quicker, another start as well.
    if (!existsSync(ctx.layout.containerDir(name))) ctx.store.need(name);
    const observed = await observe(ctx, name);
    if (observed.status) throw running(name);
    if (observed.debris) await tearDown(ctx, name);
    await removeWithLayers(ctx, name);
  });
}

/** The pin tells the next command to sweep when this one is killed between the two. */
async function removeWithLayers(ctx: Context, name: string): Promise<void> {
  const { store } = imageContext(ctx);
  await store.withPin('', [], async () => {
    await ctx.store.remove(name);
    fault('destroy.removed');
    try {
      await store.sweepUnused();
    } catch (error) {
      // It is gone; what its layers take is a matter of space only.
      ctx.warn(error instanceof Error ? error.message : String(error));
    }
  });
}

/** Destroys several, each with the layers that nobody else uses. @returns their names. */
export function destroyEach(
  ctx: Context,
  containers: readonly string[],
  options: { readonly force: boolean },
): Promise<{ readonly name: string }[]> {
  return forEach(containers, async (name) => {
    await destroy(ctx, name, options);
    return { name };
  });
}

function running(name: string): TsctError {
  return new TsctError('TSCT_RUNNING', `cannot destroy ${name}: it is running`, {
    exitCode: ExitCode.WrongState,
    hint: `stop it first: tsct stop ${name}, or kill and destroy it: tsct destroy --force ${name}`,
  });
}
