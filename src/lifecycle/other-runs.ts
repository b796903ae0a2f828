import { RUN_ROOT } from '../base/paths.js';
import type { LaunchPlan } from '../plan/launch-plan.js';
import type { Context } from './context.js';
import { readCompiled } from './kept-plan.js';
import { observe } from './observe.js';

/**
 * What a plan wants of the host that there is once, and that another container which runs has.
 * @param thingsOf a plan: in words, what is the same is called the same.
 * @returns the first that is taken, and by whom.
 */
export async function findTaken(
  ctx: Context,
  name: string,
  plan: LaunchPlan,
  thingsOf: (plan: LaunchPlan) => ReadonlySet<string>,
): Promise<{ readonly thing: string; readonly holder: string } | undefined> {
  const wanted = thingsOf(plan);
  if (wanted.size === 0) return undefined;
  for (const holder of await ctx.store.runDirs(RUN_ROOT)) {
    if (holder === name || !(await observe(ctx, holder)).status) continue;
    const started = await readCompiled(ctx, holder);
    const thing = started && [...thingsOf(started.plan)].find((one) => wanted.has(one));
    if (thing !== undefined) return { thing, holder };
  }
  return undefined;
}
