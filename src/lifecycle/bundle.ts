import { mkdir, rmdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectories } from '../base/directories.js';
import { ExitCode, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import type { LaunchPlan } from '../plan/launch-plan.js';
import { RLIMIT_INFINITY } from '../plan/oci.js';
import { mountRoot } from '../supervisor/setup.js';
import { compile } from './compile.js';
import type { Context } from './context.js';
import { throwAwayTo } from './ephemeral.js';
import { withLock } from './locking.js';
import { observe } from './observe.js';
import { withUndo } from './undo.js';

/** The plans of some containers, changing nothing. */
export async function compileEach(
  ctx: Context,
  names: readonly string[],
  ephemeral: boolean,
): Promise<LaunchPlan[]> {
  for (const name of names) ctx.store.need(name);
  const writesTo = ephemeral ? throwAwayTo(ctx) : 'config';
  return Promise.all(
    names.map(async (name) => (await compile(ctx, name, writesTo, { isDryRun: true })).plan),
  );
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
      refuseVolatile(name, plan);
      const config = bundleText(plan);
      const rootfs = join(directory, 'rootfs');
      makeDirectories(directory);
      await mkdir(rootfs);
      undo.push('directory', () => rmdir(rootfs));
      await writeFile(join(directory, 'config.json'), config);
      undo.push('config.json', () => unlink(join(directory, 'config.json')));
      await mountRoot(plan, rootfs);
    }),
  );
}

/** Such a root is made at each start out of more than one mount; what a bundle has is mounted once. */
function refuseVolatile(name: string, { tsct: { rootfs } }: LaunchPlan): void {
  if (rootfs.driver !== 'overlay' || rootfs.upper !== 'memory') return;
  throw new TsctError('TSCT_NOT_IN_BUNDLE', `cannot export ${name}: a bundle cannot have a root in memory`, {
    hint: `take Storage.Volatile out: tsct config unset ${name} Storage.Volatile`,
  });
}

/**
 * The text of config.json: the plan without what only tsct's native programs carry out.
 * @throws TSCT_NOT_IN_BUNDLE for what OCI has no words for: left out it would be missed silently.
 */
export function bundleText(plan: LaunchPlan): string {
  const { tsct, ...bundle } = plan;
  if (tsct.devices) {
    throw new TsctError('TSCT_NOT_IN_BUNDLE', `cannot export ${tsct.name}: no bundle looks up devices`, {
      hint: `take them out: tsct config unset ${tsct.name} Resources.Device Resources.DeviceAllow`,
    });
  }
  if (tsct.journal) {
    throw new TsctError('TSCT_NOT_IN_BUNDLE', `cannot export ${tsct.name}: no bundle shows its journal`, {
      hint: `take it out: tsct config unset ${tsct.name} Exec.LinkJournal`,
    });
  }
  for (const { destination, type } of plan.mounts) {
    if (type !== 'overlay' && tsct.mounts[destination]?.idmap === undefined) continue;
    throw new TsctError(
      'TSCT_NOT_IN_BUNDLE',
      `cannot export ${tsct.name}: no bundle can have its mount on ${destination}`,
      {
        hint: 'a bundle knows neither id-mapped binds nor overlays besides the root: take Bind=...:idmap, BindUser= and Overlay= out',
      },
    );
  }
  const [init, ...parameters] = plan.process.args;
  const process = {
    ...plan.process,
    // What native finds out inside the root; every image has it there, or is a link to it.
    args: [init || (tsct.init.candidates[0] ?? '/sbin/init'), ...parameters],
    rlimits: plan.process.rlimits.map(({ type, soft, hard }) => ({
      type,
      soft: limitText(soft),
      hard: limitText(hard),
    })),
  };
  const text = JSON.stringify({ ...bundle, process }, null, 2);
  return `${text.replaceAll(`"${OCI_INFINITY}"`, OCI_INFINITY)}\n`;
}

/** RLIM_INFINITY of getrlimit(2), 2^64-1: more than a JavaScript number can be, so it goes in as text. */
const OCI_INFINITY = '18446744073709551615';

function limitText(value: number): number | string {
  return value === RLIMIT_INFINITY ? OCI_INFINITY : value;
}
