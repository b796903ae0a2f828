import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../base/atomic-file.js';
import { ExitCode, TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import type { HostPath } from '../base/paths.js';
import { editText, parseAssignment } from '../definition/edit.js';
import { parseDefinition } from '../definition/parse.js';
import { mountOf, readMountTable } from '../host/mount-table.js';
import { copyTree } from '../image/archive.js';
import { ensureImage, type ImageContext } from '../image/image.js';
import { importRootfs } from '../image/import.js';
import { type Parameters, readRecipe } from '../image/recipe.js';
import { readTemplate } from '../image/template.js';
import { type Current, writeCurrent } from '../state/current.js';
import type { Identity } from '../state/identity.js';
import { allotIdentity } from './allot.js';
import type { Context } from './context.js';
import { freshenRoot } from './freshen.js';
import { imageContext } from './image-context.js';
import { withLock } from './locking.js';
import { sweep } from './sweep.js';
import { withUndo } from './undo.js';

export type Source =
  | { readonly template: string; readonly release?: string; readonly parameters?: Parameters }
  /** A directory or a tar. */
  | { readonly rootfs: HostPath };

export interface CreateOptions {
  readonly source: Source;
  /** `Section.Key=VALUE` each. */
  readonly set: readonly string[];
}

export interface Created {
  readonly name: string;
  readonly uuid: string;
  readonly idmap: { readonly base: number; readonly count: number };
  readonly root: { readonly driver: Current['driver']; readonly layers: readonly string[] };
}

/** Somebody else who creates the same container wins soon, or works for minutes: not worth waiting for. */
const LOCK_TIMEOUT_MS = 5_000;

/** File systems that an overlay cannot have its upper layer on (kernel Documentation/filesystems/overlayfs.rst). */
const NO_UPPER = /^(overlay|nfs\d*|cifs|smb3|vfat|msdos|exfat|ntfs3?|9p|fuse\b.*)$/;

/**
 * Makes a container: all of it, or nothing that anybody would list. A crash leaves what the next command sweeps.
 * @throws TSCT_BAD_NAME (exit 2), TSCT_EXISTS, TSCT_BUSY (exit 4), TSCT_CONFIG_*, what the image part throws.
 */
export async function create(ctx: Context, name: string, options: CreateOptions): Promise<Created> {
  ctx.store.needFree(name);
  const { config, layers } = await prepareSource(ctx, options);
  await ctx.store.prepare();
  await sweep(ctx);
  return withLock(
    ctx,
    name,
    () =>
      withUndo(async (undo) => {
        ctx.store.needFree(name);
        if (existsSync(ctx.layout.containerDir(name))) await ctx.store.remove(name);
        await ctx.store.createPartial(name);
        undo.push('container directory', () => ctx.store.remove(name));
        fault('create.marked');
        const created = await fill(ctx, name, config, await layers());
        fault('create.filled');
        ctx.signal.throwIfAborted();
        await ctx.store.finishPartial(name);
        return created;
      }),
    { timeoutMs: LOCK_TIMEOUT_MS },
  );
}

/** Checks all that can be checked before anything is made. */
async function prepareSource(ctx: Context, { source, set }: CreateOptions) {
  const image = imageContext(ctx);
  if ('rootfs' in source) {
    if (!existsSync(source.rootfs)) {
      throw new TsctError(
        'TSCT_NO_ROOTFS',
        `cannot use ${source.rootfs}: there is no such file or directory`,
        {
          exitCode: ExitCode.Usage,
          hint: '--rootfs takes a directory, or a tar (.gz, .xz, .zst)',
        },
      );
    }
    const config = startConfig('', `Made from ${source.rootfs}.`, set);
    return { config, layers: () => importLayers(ctx, image, source.rootfs) };
  }
  const template = await readTemplate(source.template);
  const recipe = await readRecipe(template.recipe);
  const parameters = {
    ...template.parameters,
    ...source.parameters,
    ...(source.release ? { release: source.release } : {}),
  };
  const config = startConfig(template.config, `Made from template ${template.name}.`, set);
  return { config, layers: async () => (await ensureImage(image, recipe, parameters)).layers };
}

/** The first text of a config. */
function startConfig(text: string, origin: string, set: readonly string[]): string {
  const head = `# ${origin} Settings: tsct.conf(5).\n${text === '' ? '' : `\n${text}`}`;
  const config = set.reduce((edited, word) => editText(edited, parseAssignment(word), '--set'), head);
  parseDefinition([{ file: 'config', text: config }]);
  return config;
}

async function importLayers(ctx: Context, image: ImageContext, rootfs: HostPath): Promise<string[]> {
  const { layer, summary } = await importRootfs(image, rootfs);
  if (summary.skippedMounts.length > 0) {
    ctx.warn(`not copied, as something else is mounted there: ${summary.skippedMounts.join(' ')}`);
  }
  if (summary.foreignOwners > 0) {
    ctx.warn(`${summary.foreignOwners} files belong to ids above 65535, which no container has`);
  }
  for (const { name, count } of summary.stripped) ctx.warn(`left out ${name} of ${count} files`);
  return [layer];
}

async function fill(ctx: Context, name: string, config: string, layers: readonly string[]): Promise<Created> {
  const image = imageContext(ctx);
  await image.store.need(layers);
  await writeFileAtomic(ctx.layout.configFile(name), config);
  const identity = await allotIdentity(ctx, name);
  const current = await makeRoot(ctx, image, name, config, layers);
  await writeCurrent(ctx.layout.currentFile(name), current);
  await freshenRoot(
    ctx,
    name,
    identity,
    layers.map((id) => image.store.tree(id)),
  );
  return describe(name, identity, current);
}

async function makeRoot(
  ctx: Context,
  image: ImageContext,
  name: string,
  config: string,
  layers: readonly string[],
): Promise<Current> {
  const wanted = parseDefinition([{ file: 'config', text: config }]).storage.driver;
  const driver =
    wanted ?? (NO_UPPER.test(mountOf(ctx.layout.root, readMountTable()).fsType) ? 'dir' : 'overlay');
  const root = join(ctx.layout.containerDir(name), 'root');
  if (driver === 'overlay') {
    await mkdir(root, { mode: 0o755 });
    await mkdir(join(root, 'upper'), { mode: 0o755 });
    await mkdir(join(root, 'work'), { mode: 0o700 });
    return { format: 1, driver, layers, upper: 'root', configGeneration: 1 };
  }
  await mkdir(root, { mode: 0o755 });
  for (const id of layers)
    await copyTree(image.tools, image.store.tree(id), root, `copy the root of ${name}`);
  return { format: 1, driver, layers: [], upper: 'root', configGeneration: 1 };
}

function describe(name: string, identity: Identity, current: Current): Created {
  return {
    name,
    uuid: identity.uuid,
    idmap: { base: identity.idBase, count: identity.idCount },
    root: { driver: current.driver, layers: current.layers },
  };
}
