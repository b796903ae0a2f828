import { existsSync } from 'node:fs';
import { ExitCode, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import { editText, parseAssignment } from '../definition/edit.js';
import { parseDefinition } from '../definition/parse.js';
import { scanLines } from '../definition/scan.js';
import { ensureImage, type ImageContext } from '../image/image.js';
import { importRootfs } from '../image/import.js';
import { type Parameters, readRecipe } from '../image/recipe.js';
import { readTemplate } from '../image/template.js';
import type { Pin } from '../storage/pin.js';
import { warnOf } from './archive-warnings.js';
import { checkLimits } from './check-limits.js';
import type { Context } from './context.js';
import { imageContext } from './image-context.js';
import { type Created, makeContainer } from './make-container.js';
import { DEFAULT_NETWORK } from './networks.js';
import { sweep } from './sweep.js';

export type Source =
  | { readonly template: string; readonly release?: string; readonly parameters?: Parameters }
  /** A directory or a tar. */
  | { readonly rootfs: HostPath };

export interface CreateOptions {
  readonly source: Source;
  /** `Section.Key=VALUE` each. */
  readonly set: readonly string[];
}

/**
 * Makes a container: all of it, or nothing that anybody would list. A crash leaves what the next command sweeps.
 * @throws TSCT_BAD_NAME (exit 2), TSCT_EXISTS, TSCT_BUSY (exit 4), TSCT_CONFIG_*, what the image part throws.
 */
export async function create(ctx: Context, name: string, options: CreateOptions): Promise<Created> {
  ctx.store.needFree(name);
  const { config, layers } = await prepareSource(ctx, options);
  await ctx.store.prepare();
  await sweep(ctx);
  return makeContainer(ctx, name, async (pin) => ({
    config: [{ name: 'config', text: config }],
    layers: await layers(pin),
    isNew: true,
  }));
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
    return { config, layers: (pin: Pin) => importLayers(ctx, image, pin, source.rootfs) };
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

const DEFAULT_INTERFACE = {
  section: 'Network eth0',
  key: 'Network',
  op: 'set',
  value: DEFAULT_NETWORK,
} as const;

function saysNothingOfNetwork(text: string): boolean {
  return ![...scanLines(text)].some((line) => line.kind === 'section' && /^Network\b/.test(line.section));
}

/** The first text of a config. */
function startConfig(text: string, origin: string, set: readonly string[]): string {
  const head = `# ${origin} Settings: tsct.conf(5).\n${text === '' ? '' : `\n${text}`}`;
  const told = set.reduce((edited, word) => editText(edited, parseAssignment(word), '--set'), head);
  const config = saysNothingOfNetwork(told) ? editText(told, DEFAULT_INTERFACE, 'default') : told;
  checkLimits(parseDefinition([{ file: 'config', text: config }]));
  return config;
}

async function importLayers(
  ctx: Context,
  image: ImageContext,
  pin: Pin,
  rootfs: HostPath,
): Promise<string[]> {
  const { layer, summary } = await importRootfs(image, pin, rootfs);
  warnOf(ctx, summary);
  return [layer];
}
