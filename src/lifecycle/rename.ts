import { ExitCode, TsctError } from '../base/errors.js';
import { checkName } from '../state/names.js';
import { editRoot } from '../supervisor/setup.js';
import { compile } from './compile.js';
import type { Context } from './context.js';
import { withLock } from './locking.js';
import { observe } from './observe.js';
import { tearDown } from './tear-down.js';

/**
 * Gives a stopped container another name. Identity, and so ids and addresses, stay; /etc/hostname inside follows.
 * @throws TSCT_NO_CONTAINER (exit 3), TSCT_EXISTS, TSCT_RUNNING (exit 4), TSCT_BAD_NAME (exit 2).
 */
export async function rename(ctx: Context, from: string, to: string): Promise<void> {
  ctx.store.need(from);
  checkName(to);
  // In one order whatever the names: two renames against each other must not wait for one another.
  const [first, second] = [from, to].sort() as [string, string];
  if (from === to) return ctx.store.needFree(to);
  await withLock(ctx, first, () => withLock(ctx, second, () => renameLocked(ctx, from, to)));
}

async function renameLocked(ctx: Context, from: string, to: string): Promise<void> {
  ctx.store.need(from);
  ctx.store.needFree(to);
  const observed = await observe(ctx, from);
  if (observed.status) {
    throw new TsctError('TSCT_RUNNING', `cannot rename ${from}: it is running`, {
      exitCode: ExitCode.WrongState,
      hint: `stop it first: tsct stop ${from}`,
    });
  }
  if (observed.debris) await tearDown(ctx, from);
  await ctx.store.rename(from, to);
  try {
    const { plan } = await compile(ctx, to, 'kept');
    const content = `${plan.hostname}\n`;
    await editRoot(plan, [{ op: 'write', path: '/etc/hostname', content, mode: 0o644, when: 'exists' }]);
  } catch (error) {
    await ctx.store.rename(to, from);
    throw error;
  }
}
