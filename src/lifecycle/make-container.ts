import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncPath, writeNewFile } from '../base/atomic-file.js';
import { TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import type { HostPath } from '../base/paths.js';
import { parseDefinition } from '../definition/parse.js';
import { canHoldUpper, mountOf, readMountTable } from '../host/mount-table.js';
import { currentText } from '../state/current.js';
import { type Identity, identityText, readIdentity } from '../state/identity.js';
import type { ConfigFile, DriverName, Root } from '../state/root.js';
import { type Snapshot, Snapshots } from '../state/snapshot.js';
import { driverOf } from '../storage/drivers.js';
import type { Pin } from '../storage/pin.js';
import { addon } from '../supervisor/addon.js';
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
  /** A state with these layers that it has from the beginning on. */
  readonly snapshot?: {
    readonly name: string;
    readonly record: Omit<Snapshot, 'format' | 'driver' | 'layers'>;
  };
  /** The container whose identity it keeps: that one is moved, not doubled. */
  readonly identityOf?: string;
  /** Config and root are those of a container here. */
  readonly isClone?: boolean;
  /** The container that it was taken of, whose own new root is to be in place before this one can be used. */
  readonly source?: { place(): Promise<void>; sync(): Promise<void> };
}

/**
 * The files of a container that is being made, written under their own names at once: whoever finds the mark beside
 * them takes none of them for anything.
 */
class Files {
  private readonly paths: HostPath[] = [];

  write = (path: HostPath, text: string): void => {
    writeNewFile(path, text);
    addon().startWriteback(path);
    this.paths.push(path);
  };

  /** Makes them durable: the mark of the directory that the first is in, then them, then what other names there are. */
  async flush(): Promise<void> {
    const [home, ...others] = new Set(this.paths.map(dirname));
    for (const path of [home ?? '', ...this.paths, ...others]) await syncPath(path);
  }
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
      ctx.store.createPartial(name);
      undo.push('container directory', () => ctx.store.remove(name));
      fault('create.marked');
      const made = await content(pin);
      const created = await fill(ctx, name, pin, made);
      fault('create.filled');
      ctx.signal.throwIfAborted();
      await made.source?.place();
      await ctx.store.finishPartial(name, made.source?.sync);
      return created;
    });
  return withLock(ctx, name, () => store.withPin('', [], make), { timeoutMs: LOCK_TIMEOUT_MS });
}

async function fill(ctx: Context, name: string, pin: Pin, content: Content): Promise<Created> {
  const { store } = imageContext(ctx);
  await store.keep(pin, content.layers);
  const files = new Files();
  writeConfig(ctx, name, content.config, files.write);
  const identity = await makeIdentity(ctx, name, content, files.write);
  const { storage, exec } = parseDefinition(content.config.map(({ name, text }) => ({ file: name, text })));
  const driver = driverOf(storage.driver ?? content.driver ?? suitingDriver(ctx));
  const pool = storage.pool === undefined ? {} : { pool: storage.pool };
  const context = { store, pin, trees: treeTools(ctx), ...pool };
  const root = await driver.grow(context, content.layers);
  files.write(ctx.layout.currentFile(name), currentText(root));
  if (content.snapshot) {
    // A snapshot of the root where other trees are made of such only: what came from outside is in no pool.
    const { layers } = root.driver === 'lvm-thin' ? await driver.seal(context, root) : content;
    const snapshots = new Snapshots(ctx.layout.snapshotDir(name), name);
    snapshots.put(files.write, content.snapshot.name, {
      ...content.snapshot.record,
      driver: root.driver,
      layers,
    });
  }
  // Not before the root is there: a subvolume comes with a commit, which takes along what has begun to be written.
  const flushed = files.flush();
  flushed.catch(() => {}); // told below
  if (content.identityOf === undefined && content.machine === undefined) {
    const hostname = exec.hostname ?? name;
    await freshenRoot(ctx, name, identity, { hostname, root, compiled: content.isClone ?? false });
  }
  await flushed;
  return describe(name, identity, root);
}

async function makeIdentity(
  ctx: Context,
  name: string,
  content: Content,
  write: Files['write'],
): Promise<Identity> {
  const put = (identity: Identity) => write(ctx.layout.identityFile(name), identityText(identity));
  const connected = (identity: Identity) => connect(ctx, name, content, identity, put);
  const { identityOf, machine } = content;
  if (identityOf === undefined) return allotIdentity(ctx, name, machine ?? {}, connected);
  return connected(await readIdentity(ctx.layout.identityFile(identityOf)));
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
  put: (identity: Identity) => void,
): Promise<Identity> {
  const definition = parseDefinition(config.map((file) => ({ file: file.name, text: file.text })));
  try {
    return await allotInterfaces(ctx, name, definition, identity, put);
  } catch (error) {
    const canWait = error instanceof TsctError && MENDED_LATER.includes(error.code);
    if (isNew || !canWait) throw error;
    ctx.warn(`${error.message}: ${name} will not start before that is mended`);
    put(identity);
    return identity;
  }
}

/** What suits the disk best. */
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
