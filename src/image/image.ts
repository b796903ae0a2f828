import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../base/atomic-file.js';
import { makeDirectories } from '../base/directories.js';
import { ExitCode, isErrno, TsctError } from '../base/errors.js';
import { run } from '../base/exec.js';
import type { HostPath, StateLayout } from '../base/paths.js';
import type { LayerStore } from '../storage/layer-store.js';
import type { Pin } from '../storage/pin.js';
import type { StorageTools } from '../storage/tools.js';
import { measureTree } from './archive.js';
import { completeParameters, imageKey, type Parameters, type Recipe } from './recipe.js';

const IMAGE_FORMAT = 1;

/** .store/images/KEY.json: what a recipe with these parameters made on this machine. */
export interface Image {
  readonly format: typeof IMAGE_FORMAT;
  readonly recipe: string;
  readonly parameters: Parameters;
  /** Lowest first. */
  readonly layers: readonly string[];
  readonly createdMs: number;
}

export interface ImageContext {
  readonly layout: StateLayout;
  readonly store: LayerStore;
  readonly tools: StorageTools;
}

/**
 * The image of a recipe: built the first time, found from then on (nothing is copied). Of two callers at once one
 * builds and the other waits.
 * @throws TSCT_BAD_PARAMETER (exit 2), TSCT_PROGRAM_MISSING (exit 5), TSCT_PROGRAM_FAILED with what the build said.
 */
export async function ensureImage(ctx: ImageContext, recipe: Recipe, given: Parameters): Promise<Image> {
  const parameters = completeParameters(recipe, given);
  const key = await imageKey(recipe, parameters);
  const file = join(ctx.layout.store, 'images', `${key}.json`);
  const found = await readImage(ctx, file);
  if (found) return found;
  const lock = await ctx.tools.lock(ctx.layout.lockFile(`_image_${key}`));
  try {
    const built = await readImage(ctx, file);
    if (built) return built;
    return await ctx.store.withPin('', [], async (pin) => {
      const layer = await buildLayer(ctx, pin, recipe, parameters);
      const image: Image = {
        format: IMAGE_FORMAT,
        recipe: recipe.name,
        parameters,
        layers: [layer],
        createdMs: Date.now(),
      };
      makeDirectories(join(ctx.layout.store, 'images'), 0o700);
      await writeFileAtomic(file, `${JSON.stringify(image, null, 2)}\n`);
      return image;
    });
  } finally {
    await lock.release();
  }
}

/** Undefined when it was never made, or a layer of it is gone. */
async function readImage(ctx: ImageContext, file: HostPath): Promise<Image | undefined> {
  let image: Image;
  try {
    image = JSON.parse(await readFile(file, 'utf8')) as Image;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (image.format !== IMAGE_FORMAT) return undefined;
  const there = await Promise.all(image.layers.map((id) => ctx.store.has(id)));
  return there.every(Boolean) ? image : undefined;
}

/**
 * Runs the recipe's program as root in mount and pid namespaces of its own, all of which dies with this process
 * (kill -9 included), so that nothing it mounts or starts is ever left. It is told:
 * TREE the empty directory to fill, WORK a directory for anything else (both go when it fails), RECIPE its own
 * directory, PARAMETER_NAME each parameter. What it says on stderr is shown as progress.
 */
async function buildLayer(
  ctx: ImageContext,
  pin: Pin,
  recipe: Recipe,
  parameters: Parameters,
): Promise<string> {
  const doing = `build the root filesystem of recipe ${recipe.name}`;
  await needPrograms(recipe, doing);
  return ctx.store.add(pin, async (tree, work) => {
    const env: Record<string, string> = {
      TREE: tree,
      WORK: work,
      TMPDIR: work,
      RECIPE: recipe.dir,
      LC_ALL: 'C.UTF-8',
    };
    for (const [name, value] of Object.entries(parameters)) env[`PARAMETER_${name.toUpperCase()}`] = value;
    const unshare = ['unshare', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];
    await run('setpriv', ['--pdeathsig', 'KILL', '--', ...unshare, '--', join(recipe.dir, recipe.build)], {
      doing,
      env,
      cwd: work,
      signal: ctx.tools.signal,
      killSignal: 'SIGKILL',
      debianPackage: 'util-linux',
      onStderrLine: (line) => ctx.tools.progress({ what: line.replace(/^I: /, '') }),
    });
    const summary = await measureTree(ctx.tools, tree, doing);
    return {
      digest: summary.id,
      note: {
        origin: `recipe ${recipe.name}`,
        entries: summary.entries,
        sizeBytes: summary.bytes,
        devices: summary.devices,
        stripped: summary.stripped,
      },
    };
  });
}

/** @throws TSCT_PROGRAM_MISSING (exit 5) naming every package that is missing at once. */
async function needPrograms(recipe: Recipe, doing: string): Promise<void> {
  const missing: [string, string][] = [];
  for (const [program, debianPackage] of Object.entries(recipe.programs)) {
    const found = await run('sh', ['-c', 'command -v "$0" || true', program], { doing });
    if (found === '') missing.push([program, debianPackage]);
  }
  if (missing.length === 0) return;
  const programs = missing.map(([program]) => program).join(', ');
  throw new TsctError('TSCT_PROGRAM_MISSING', `cannot ${doing}: not installed: ${programs}`, {
    exitCode: ExitCode.HostLacks,
    hint: `apt-get install ${missing.map(([, name]) => name).join(' ')}`,
  });
}
