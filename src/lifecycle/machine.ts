import { ExitCode, TsctError } from '../base/errors.js';
import { readIdentity } from '../state/identity.js';
import type { Context } from './context.js';
import type { Machine } from './manifest.js';

/** What of a container's identity another one needs to be the same machine. */
export async function machineOf(ctx: Context, name: string): Promise<Machine> {
  const { uuid, macs } = await readIdentity(ctx.layout.identityFile(name));
  return { uuid, macs };
}

/** @throws TSCT_EXISTS (exit 4) when a container here is that machine. */
export async function needNoTwin(ctx: Context, { uuid }: Machine, doing: string): Promise<void> {
  for (const name of ctx.store.list()) {
    // A container whose record is damaged tells that itself.
    const other = await machineOf(ctx, name).catch(() => undefined);
    if (other?.uuid !== uuid) continue;
    throw new TsctError('TSCT_EXISTS', `cannot ${doing}: ${name} is the same machine`, {
      exitCode: ExitCode.WrongState,
      hint: 'without --keep-identity it becomes another one',
    });
  }
}
