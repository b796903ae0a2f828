import { existsSync } from 'node:fs';
import { TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import { parseDefinition } from '../definition/parse.js';
import { canHoldUpper, mountOf, readMountTable } from '../host/mount-table.js';
import { writeCurrent } from '../state/current.js';
import { type Identity, readIdentity, writeIdentity } from '../state/identity.js';
import type { ConfigFile, DriverName, Root } from '../state/root.js';
import { driverOf } from '../storage/drivers.js';
import type { Pin } from '../storage/pin.js';
import { allotIdentity } from './allot.js';
import { allotInterfaces } from './allot-interfaces.js';
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
  /** Its config is new: what no address can be had for is wrong. One that comes from elsewhere can be mended later. */
  readonly isNew?: boolean;
  /** The container whose identity it keeps: that one is moved, not doubled. */
  readonly identityOf?: string;
}

export interface Created {
  readonly name: string;
  readonly uuid: string;
  readonly idmap: { readonly base: number; readonly count: number };
  readonly root: { readonly driver: DriverName; readonly layers: readonly string[] };
}

const MENDED_LATER: readonly string[] = ['TSCT_NO_NETWORK', 'TSCT_ADDRESS_TAKEN', 'TSCT_NETWORK_FULL'];

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
  const driver = driverOf(chooseDriver(ctx, content));
  const root = await driver.grow({ store, pin, trees: treeTools(ctx) }, content.layers);
  await writeCurrent(ctx.layout.currentFile(name), root);
  if (content.identityOf === undefined && content.machine === undefined) {
    await freshenRoot(ctx, name, identity, [...content.layers, root.upper].map(ctx.layout.layerTree));
  }
  return describe(name, identity, root);
}

async function makeIdentity(ctx: Context, name: string, content: Content): Promise<Identity> {
  const { identityOf, machine } = content;
  if (identityOf === undefined && machine === undefined) {
    return connect(ctx, name, content, await allotIdentity(ctx, name));
  }
  const identity =
    identityOf === undefined
      ? { ...(await allotIdentity(ctx, name)), ...machine }
      : await readIdentity(ctx.layout.identityFile(identityOf));
  await writeIdentity(ctx.layout.identityFile(name), identity);
  return connect(ctx, name, content, identity);
}

/**
 * Addresses for its interfaces. A copy may be on a network that is not here, or say an address that the original has:
 * start will refuse it.
 */
async function connect(
  ctx: Context,
  name: string,
  { config, isNew }: Content,
  identity: Identity,
): Promise<Identity> {
  const definition = parseDefinition(config.map((file) => ({ file: file.name, text: file.text })));
  try {
    return await allotInterfaces(ctx, name, definition, identity);
  } catch (error) {
    const canWait = error instanceof TsctError && MENDED_LATER.includes(error.code);
    if (isNew || !canWait) throw error;
    ctx.warn(`${error.message}: ${name} will not start before that is mended`);
    return identity;
  }
}

/** As the config wishes, as the original has it, or what suits the disk best. */
function chooseDriver(ctx: Context, { config, driver }: Content): DriverName {
  const definition = parseDefinition(config.map(({ name, text }) => ({ file: name, text })));
  if (definition.storage.driver ?? driver) return (definition.storage.driver ?? driver) as DriverName;
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
