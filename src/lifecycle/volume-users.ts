import { ExitCode, TsctError } from '../base/errors.js';
import { loadDefinition } from '../definition/load.js';
import { parseDefinition } from '../definition/parse.js';
import type { ContainerDefinition } from '../definition/schema.js';
import { Volumes } from '../state/volume.js';
import type { Context } from './context.js';
import { readCompiled } from './kept-plan.js';
import { observe } from './observe.js';

/** A container that has volumes attached. */
export interface VolumeUser {
  readonly name: string;
  /** By its config. */
  readonly configured: readonly string[];
  /** By the run that is under way, whatever the config says by now. */
  readonly mounted: readonly string[];
  /** Those of `mounted` that it can write to. */
  readonly writes: readonly string[];
}

/** @throws TSCT_VOLUME_USERS (exit 4) if a config cannot be read: it might name any volume. */
export async function volumeUsers(ctx: Context): Promise<VolumeUser[]> {
  return Promise.all(
    ctx.store.list().map(async (name) => {
      const files = await readFiles(ctx, name);
      const isRunning = (await observe(ctx, name)).status !== undefined;
      const started = isRunning ? await readCompiled(ctx, name) : undefined;
      const running = started ? parseDefinition(started.config).files.volumes : [];
      return {
        name,
        configured: files.volumes.map((volume) => volume.name),
        mounted: running.map((volume) => volume.name),
        writes: running.filter((volume) => !volume.isReadOnly).map((volume) => volume.name),
      };
    }),
  );
}

async function readFiles(ctx: Context, name: string): Promise<ContainerDefinition['files']> {
  try {
    return (await loadDefinition(ctx.layout.containerDir(name))).files;
  } catch (cause) {
    throw new TsctError('TSCT_VOLUME_USERS', `cannot tell which volumes ${name} has: its config is wrong`, {
      exitCode: ExitCode.WrongState,
      hint: `mend it: tsct config edit ${name}`,
      cause,
    });
  }
}

/** @throws TSCT_NO_VOLUME (exit 3) for the first that a config names and that is not there. */
export async function needVolumes(ctx: Context, { files }: ContainerDefinition): Promise<void> {
  const volumes = new Volumes(ctx.layout);
  for (const { name } of files.volumes) await volumes.need(name);
}
