import { performance } from 'node:perf_hooks';
import { TsctError } from '../base/errors.js';
import { run } from '../base/exec.js';
import { fault } from '../base/fault.js';
import type { Freezer } from '../storage/tree-tools.js';
import { holdStill } from '../supervisor/client.js';
import { programPath } from '../supervisor/programs.js';
import type { Context } from './context.js';

export interface Hooks {
  /** Commands for sh -c inside, right before it stands still and right after: a database flushes and goes on. */
  readonly freezeHook?: string;
  readonly thawHook?: string;
}

/**
 * Keeps a running container still for a moment: freeze hook, freeze, work, thaw, thaw hook. The supervisor thaws when
 * the connection that asked for it goes: a killed command leaves nobody frozen.
 * @throws TSCT_HOOK_FAILED before anything stood still; a failing thaw hook is a warning: the state is taken.
 */
export function freezer(ctx: Context, name: string, hooks: Hooks): Freezer {
  return async (work, { hold = true } = {}) => {
    if (hooks.freezeHook !== undefined) await runHook(ctx, name, 'freeze', hooks.freezeHook);
    let frozenMs = 0;
    try {
      if (hold) frozenMs = await held(ctx, name, work);
      else await work();
    } finally {
      if (hooks.thawHook !== undefined) {
        await runHook(ctx, name, 'thaw', hooks.thawHook).catch((error: Error) => ctx.warn(error.message));
      }
    }
    return frozenMs;
  };
}

async function held(ctx: Context, name: string, work: () => Promise<void>): Promise<number> {
  const since = performance.now();
  await holdStill(ctx.layout.controlSocket(name), name, async () => {
    await work();
    fault('snapshot.frozen');
  });
  return Math.round((performance.now() - since) * 10) / 10;
}

async function runHook(ctx: Context, name: string, which: 'freeze' | 'thaw', command: string): Promise<void> {
  const args = ['exec', '--socket', ctx.layout.controlSocket(name), '--no-tty', '--', 'sh', '-c', command];
  const doing = `run the ${which} hook in ${name}`;
  try {
    await run(programPath('tsct-exec'), args, { doing, signal: ctx.signal });
  } catch (cause) {
    if (!(cause instanceof TsctError)) throw cause;
    throw new TsctError('TSCT_HOOK_FAILED', cause.message, { hint: `it was: ${command}`, cause });
  }
}
