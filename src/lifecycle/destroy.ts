import { existsSync } from 'node:fs';
import { ExitCode, TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import type { HostPath } from '../base/paths.js';
import { checkName } from '../state/names.js';
import { removeTree } from '../state/store.js';
import type { Context } from './context.js';
import { forEach } from './each.js';
import { imageContext } from './image-context.js';
import { withLock } from './locking.js';
import { observe } from './observe.js';
import { stop } from './stop.js';
import { tearDown } from './tear-down.js';

/**
 * Takes a container away: it is gone, and what is left of it is to be removed.
 * @param options.force kill it first if it runs; also takes away what an interrupted create left.
 * @throws TSCT_NO_CONTAINER (exit 3), TSCT_RUNNING (exit 4).
 */
async function destroy(ctx: Context, name: string, options: { readonly force: boolean }): Promise<HostPath> {
  checkName(name);
  if (!existsSync(ctx.layout.containerDir(name))) ctx.store.need(name);
  await withLock(ctx, name, async () => {
    if (!existsSync(ctx.layout.containerDir(name))) ctx.store.need(name);
    const observed = await observe(ctx, name);
    if (observed.status && !options.force) throw running(name);
    if (observed.debris) await tearDown(ctx, name);
  });
  if (options.force && ctx.store.has(name)) await stop(ctx, name, { kill: true });
  return withLock(ctx, name, async () => {
    // Another destroy may have been quicker, another start as well.
    if (!existsSync(ctx.layout.containerDir(name))) ctx.store.need(name);
    const observed = await observe(ctx, name);
    if (observed.status) throw running(name);
    if (observed.debris) await tearDown(ctx, name);
    return ctx.store.doom(name);
  });
}

/** Destroys several, then the layers that nobody uses any more. @returns their names. */
export async function destroyEach(
  ctx: Context,
  containers: readonly string[],
  options: { readonly force: boolean },
): Promise<{ readonly name: string }[]> {
  const doomed: HostPath[] = [];
  try {
    return await forEach(containers, async (name) => {
      doomed.push(await destroy(ctx, name, options));
      fault('destroy.doomed');
      return { name };
    });
  } finally {
    if (doomed.length > 0) await removeDoomed(ctx, doomed);
  }
}

/** In this order: as long as its directory is there, the next command sweeps what it used when this one is killed. */
async function removeDoomed(ctx: Context, doomed: readonly HostPath[]): Promise<void> {
  try {
    await imageContext(ctx).store.sweepUnused();
    fault('destroy.swept');
    for (const path of doomed) await removeTree(path);
  } catch (error) {
    // They are gone; what they leave is a matter of space only, and of the next command.
    ctx.warn(error instanceof Error ? error.message : String(error));
  }
}

function running(name: string): TsctError {
  return new TsctError('TSCT_RUNNING', `cannot destroy ${name}: it is running`, {
    exitCode: ExitCode.WrongState,
    hint: `stop it first: tsct stop ${name}, or kill and destroy it: tsct destroy --force ${name}`,
  });
}
