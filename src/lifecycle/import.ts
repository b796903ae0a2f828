import { ExitCode, TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import type { HostPath } from '../base/paths.js';
import { editText, parseAssignment } from '../definition/edit.js';
import { parseDefinition } from '../definition/parse.js';
import { type Arriving, withArriving } from '../image/export-archive.js';
import type { ConfigFile } from '../state/root.js';
import type { Pin } from '../storage/pin.js';
import { addon } from '../supervisor/addon.js';
import { warnOf } from './archive-warnings.js';
import type { Context } from './context.js';
import { imageContext } from './image-context.js';
import { type Created, makeContainer } from './make-container.js';
import { type Manifest, parseManifest } from './manifest.js';
import { sweep } from './sweep.js';

/**
 * Makes a container of an export: the same config and root, another machine. All of it, or nothing.
 * @param source a file, or a descriptor that the archive comes from.
 * @param set `Section.Key=VALUE` each, changed in its config.
 * @throws TSCT_EXISTS, TSCT_BUSY (exit 4), TSCT_BAD_ARCHIVE naming the place, TSCT_NEWER_FORMAT (exit 5),
 * TSCT_CONFIG_*.
 */
export async function importContainer(
  ctx: Context,
  name: string,
  source: HostPath | number,
  set: readonly string[],
): Promise<Created> {
  ctx.store.needFree(name);
  await ctx.store.prepare();
  await sweep(ctx);
  return makeContainer(ctx, name, async (pin) => {
    const { layer, config } = await unpack(ctx, source, pin, set);
    fault('import.unpacked');
    return { config, layers: [layer] };
  });
}

async function unpack(ctx: Context, source: HostPath | number, pin: Pin, set: readonly string[]) {
  const origin = typeof source === 'number' ? 'standard input' : source;
  const { tools } = imageContext(ctx);
  return withArriving(tools, source, `import ${origin}`, addon().pipe(), async (arriving) => {
    const manifest = parseManifest(`tsct/manifest.json of ${origin}`, arriving.manifest);
    needWhole(manifest, origin);
    const config = changeConfig(manifest.config, set);
    const { layer } = await addArriving(ctx, pin, arriving, origin);
    return { layer, config };
  });
}

function needWhole({ name, snapshot, sent }: Manifest, origin: string): void {
  if (!sent?.from) return;
  const what = `it has only what ${name}@${snapshot} changes of ${name}@${sent.from.snapshot}`;
  throw new TsctError('TSCT_BAD_ARCHIVE', `cannot import ${origin}: ${what}`, {
    hint: 'where that is: tsct receive',
  });
}

/** A layer of what arrives. @param origin where it is from, for people. */
export async function addArriving(
  ctx: Context,
  pin: Pin,
  arriving: Arriving,
  origin: string,
): Promise<{ readonly layer: string; readonly entries: number; readonly bytes: number }> {
  let size = { entries: 0, bytes: 0 };
  const layer = await imageContext(ctx).store.add(pin, async (tree) => {
    const summary = await arriving.lay(tree, 'into');
    warnOf(ctx, summary);
    const { id, entries, bytes, devices, stripped } = summary;
    size = { entries, bytes };
    return { digest: id, note: { origin, entries, sizeBytes: bytes, devices, stripped } };
  });
  return { layer, ...size };
}

/** @throws TSCT_CONFIG_* for one that no container can have. */
export function changeConfig(files: readonly ConfigFile[], set: readonly string[]): readonly ConfigFile[] {
  if (!files.some((file) => file.name === 'config')) {
    throw new TsctError('TSCT_DAMAGED_RECORD', 'cannot use the manifest: there is no config in it', {
      exitCode: ExitCode.Failed,
    });
  }
  const changed = files.map((file) =>
    file.name === 'config'
      ? {
          ...file,
          text: set.reduce((text, word) => editText(text, parseAssignment(word), '--set'), file.text),
        }
      : file,
  );
  parseDefinition(changed.map(({ name, text }) => ({ file: name, text })));
  return changed;
}
