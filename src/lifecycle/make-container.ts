import { existsSync } from 'node:fs';
import { syncDirectory, writeFlushed } from '../base/atomic-file.js';
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
 * Writes a file of a container that is being made, under its own name at once: whoever finds the mark beside it
 * takes none of them for anything.
 */
type Write = (path: HostPath, text: string) => void;

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
      const { marked } = ctx.store.createPartial(name);
      undo.push('container directory', () => ctx.store.remove(name));
      fault('create.marked');
      const flushed: Promise<void>[] = [marked];
      const made = await content(pin);
      const created = await fill(ctx, name, pin, made, (path, text) => {
        flushed.push(writeFlushed(path, text, 0o600, marked));
      });
      await Promise.all(flushed);
      for (const dir of [ctx.layout.dropInDir(name), ctx.layout.snapshotDir(name)]) {
        if (existsSync(dir)) await syncDirectory(dir);
      }
      fault('create.filled');
      ctx.signal.throwIfAborted();
      await made.source?.place();
      await ctx.store.finishPartial(name, made.source?.sync);
      return created;
    });
  return withLock(ctx, name, () => store.withPin('', [], make), { timeoutMs: LOCK_TIMEOUT_MS });
}

async function fill(ctx: Context, name: string, pin: Pin, content: Content, write: Write): Promise<Created> {
  const { store } = imageContext(ctx);
  await store.keep(pin, content.layers);
  writeConfig(ctx, name, content.config, write);
  const identity = await makeIdentity(ctx, name, content, write);
  const { storage, exec } = parseDefinition(content.config.map(({ name, text }) => ({ file: name, text })));
  const driver = driverOf(storage.driver ?? content.driver ?? suitingDriver(ctx));
  const pool = storage.pool === undefined ? {} : { pool: storage.pool };
  const context = { store, pin, trees: treeTools(ctx), ...pool };
  const root = await driver.grow(context, content.layers);
  write(ctx.layout.currentFile(name), currentText(root));
  if (content.snapshot) {
    // A snapshot of the root where other trees are made of such only: what came from outside is in no pool.
    const { layers } = root.driver === 'lvm-thin' ? await driver.seal(context, root) : content;
    const snapshots = new Snapshots(ctx.layout.snapshotDir(name), name);
    snapshots.put(write, content.snapshot.name, { ...content.snapshot.record, driver: root.driver, layers });
  }
  if (content.identityOf === undefined && content.machine === undefined) {
    const hostname = exec.hostname ?? name;
    await freshenRoot(ctx, name, identity, { hostname, root, compiled: content.isClone ?? false });
  }
  return describe(name, identity, root);
}

async function makeIdentity(ctx: Context, name: string, content: Content, write: Write): Promise<Identity> {
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
