import { mkdir, rmdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExitCode, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import type { LaunchPlan } from '../plan/launch-plan.js';
import { mountRoot } from '../supervisor/setup.js';
import { compile } from './compile.js';
import type { Context } from './context.js';
import { withLock } from './locking.js';
import { observe } from './observe.js';
import { withUndo } from './undo.js';

/** The plans of some containers, changing nothing. */
export async function compileEach(ctx: Context, names: readonly string[]): Promise<LaunchPlan[]> {
  for (const name of names) ctx.store.need(name);
  return Promise.all(names.map(async (name) => (await compile(ctx, name)).plan));
}

/**
 * Mounts the root of a stopped container on DIR/rootfs and writes DIR/config.json: a bundle that runc runs.
 * The mount is the caller's to take away: `umount DIR/rootfs`.
 * @throws TSCT_RUNNING (exit 4), TSCT_EEXIST for a directory that is in use.
 */
export async function exportBundle(ctx: Context, name: string, directory: HostPath): Promise<void> {
  ctx.store.need(name);
  await withLock(ctx, name, () =>
    withUndo(async (undo) => {
      if ((await observe(ctx, name)).state !== 'stopped') {
        throw new TsctError('TSCT_RUNNING', `cannot export ${name}: it is running`, {
          exitCode: ExitCode.WrongState,
          hint: `stop it first: tsct stop ${name}`,
        });
      }
      const { plan } = await compile(ctx, name);
      const rootfs = join(directory, 'rootfs');
      await mkdir(directory, { recursive: true });
      await mkdir(rootfs);
      undo.push('directory', () => rmdir(rootfs));
      await writeFile(join(directory, 'config.json'), `${JSON.stringify(toBundle(plan), null, 2)}\n`);
      undo.push('config.json', () => unlink(join(directory, 'config.json')));
      await mountRoot(plan, rootfs);
    }),
  );
}

/** The plan without what only tsct's native programs carry out. */
export function toBundle(plan: LaunchPlan): Omit<LaunchPlan, 'tsct'> {
  const { tsct, ...bundle } = plan;
  const [init, ...parameters] = plan.process.args;
  return {
    ...bundle,
    // What native finds out inside the root; every image has it there, or is a link to it.
    process: { ...plan.process, args: [init || (tsct.init.candidates[0] ?? '/sbin/init'), ...parameters] },
    mounts: plan.mounts.filter((mount) => tsct.mounts[mount.destination] === undefined),
  };
}
