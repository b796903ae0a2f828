import { existsSync } from 'node:fs';
import { fault } from '../base/fault.js';
import { parseDefinition } from '../definition/parse.js';
import { canHoldUpper, mountOf, readMountTable } from '../host/mount-table.js';
import { writeCurrent } from '../state/current.js';
import { type Identity, readIdentity, writeIdentity } from '../state/identity.js';
import type { ConfigFile, DriverName, Root } from '../state/root.js';
import { driverOf } from '../storage/drivers.js';
import type { Pin } from '../storage/pin.js';
import { allotIdentity } from './allot.js';
import { writeConfig } from './config-files.js';
import type { Context } from './context.js';
import { freshenRoot } from './freshen.js';
import { imageContext } from './image-context.js';
import { withLock } from './locking.js';
import type { Machine } from './manifest.js';
import { treeTools } from './tree-tools.js';
import { withUndo } from './undo.js';

/** What a new container is made of. */
export interface Content {
  readonly config: readonly ConfigFile[];
  /** Its root, lowest first. */
  readonly layers: readonly string[];
  /** Used unless its config names one. */
  readonly driver?: DriverName;
  /** The machine that it is again, with ids of its own: nothing in it is made new. */
  readonly machine?: Machine;
  /** The container whose identity it keeps: that one is moved, not doubled. */
  readonly identityOf?: string;
}

export interface Created {
  readonly name: string;
  readonly uuid: string;
  readonly idmap: { readonly base: number; readonly count: number };
  readonly root: { readonly driver: DriverName; readonly layers: readonly string[] };
}

/** Somebody else who creates the same container wins soon, or works for minutes: not worth waiting for. */
const LOCK_TIMEOUT_MS = 5_000;

/**
 * Makes a container: all of it, or nothing that anybody would list. A crash leaves what the next command sweeps.
 * @param content is asked for once the name is taken; what it makes in the store it names by the pin.
 * @throws TSCT_EXISTS, TSCT_BUSY (exit 4), what the content and the driver throw.
 */
export async function makeContainer(
  ctx: Context,
  name: string,
  content: (pin: Pin) => Promise<Content>,
): Promise<Created> {
  const { store } = imageContext(ctx);
  // Until it is whole the pin keeps its trees, and tells the next command that somebody died here.
  const make = (pin: Pin) =>
    withUndo(async (undo) => {
      ctx.store.needFree(name);
      if (existsSync(ctx.layout.containerDir(name))) await ctx.store.remove(name);
      await ctx.store.createPartial(name);
      undo.push('container directory', () => ctx.store.remove(name));
      fault('create.marked');
      const created = await fill(ctx, name, pin, await content(pin));
      fault('create.filled');
      ctx.signal.throwIfAborted();
      await ctx.store.finishPartial(name);
      return created;
    });
  return withLock(ctx, name, () => store.withPin('', [], make), { timeoutMs: LOCK_TIMEOUT_MS });
}

async function fill(ctx: Context, name: string, pin: Pin, content: Content): Promise<Created> {
  const { store } = imageContext(ctx);
  await store.keep(pin, content.layers);
  await writeConfig(ctx, name, content.config);
  const identity = await makeIdentity(ctx, name, content);
  const { driver, pool } = chooseStorage(ctx, content);
  const root = await driverOf(driver).grow({ store, pin, trees: treeTools(ctx), ...pool }, content.layers);
  await writeCurrent(ctx.layout.currentFile(name), root);
  if (content.identityOf === undefined && content.machine === undefined) {
    await freshenRoot(ctx, name, identity, [...content.layers, root.upper].map(ctx.layout.layerTree));
  }
  return describe(name, identity, root);
}

async function makeIdentity(ctx: Context, name: string, content: Content): Promise<Identity> {
  const { identityOf, machine } = content;
  if (identityOf === undefined && machine === undefined) return allotIdentity(ctx, name);
  const identity =
    identityOf === undefined
      ? { ...(await allotIdentity(ctx, name)), ...machine }
      : await readIdentity(ctx.layout.identityFile(identityOf));
  await writeIdentity(ctx.layout.identityFile(name), identity);
  return identity;
}

/** As the config wishes, as the original has it, or what suits the disk best. */
function chooseStorage(ctx: Context, { config, driver }: Content) {
  const { storage } = parseDefinition(config.map(({ name, text }) => ({ file: name, text })));
  const pool = storage.pool === undefined ? {} : { pool: storage.pool };
  return { driver: storage.driver ?? driver ?? suitingDriver(ctx), pool };
}

function suitingDriver(ctx: Context): DriverName {
  const { fsType } = mountOf(ctx.layout.root, readMountTable());
  return fsType === 'btrfs' ? 'btrfs' : canHoldUpper(fsType) ? 'overlay' : 'dir';
}

function describe(name: string, identity: Identity, root: Root): Created {
  return {
    name,
    uuid: identity.uuid,
    idmap: { base: identity.idBase, count: identity.idCount },
    root: { driver: root.driver, layers: root.layers },
  };
}
