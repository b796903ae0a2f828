import { rm } from 'node:fs/promises';
import { teardown } from '../supervisor/setup.js';
import type { Context } from './context.js';
import { readCompiled } from './kept-plan.js';

/** Undoes what a dead supervisor left, by the plan it was started with. The caller holds the lock. */
export async function tearDown(ctx: Context, name: string): Promise<void> {
  const compiled = await readCompiled(ctx, name);
  if (compiled) await teardown(compiled.plan);
  // Nothing of it was started (launch keeps the plan first), or all but the directory itself is undone.
  await rm(ctx.layout.runDir(name), { recursive: true, force: true });
}
