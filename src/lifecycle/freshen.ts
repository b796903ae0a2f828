import { closeSync, constants, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../base/exec.js';
import type { HostPath } from '../base/paths.js';
import type { FileEdit } from '../plan/launch-plan.js';
import { type Identity, machineId } from '../state/identity.js';
import type { Root } from '../state/root.js';
import { addon, isSyscallErrno } from '../supervisor/addon.js';
import type { Context } from './context.js';
import { presentTrees } from './present-trees.js';

const KEY_TYPES = ['rsa', 'ecdsa', 'ed25519'] as const;

export interface Fresh {
  readonly hostname: string;
  readonly root: Root;
  /** A plan was made of the same config before. Otherwise it is now, so that what this host cannot give is told. */
  readonly compiled: boolean;
}

/**
 * Gives a new root what two machines must not share: machine-id, host name, ssh host keys (new ones of the types
 * that the image has).
 */
export async function freshenRoot(
  ctx: Context,
  name: string,
  identity: Identity,
  { hostname, root, compiled }: Fresh,
): Promise<void> {
  await presentTrees(ctx, root);
  const trees = [...root.layers, root.upper].map(ctx.layout.layerTree);
  const id = `${machineId(identity)}\n`;
  const edits: FileEdit[] = [
    { op: 'write', path: '/etc/machine-id', content: id, mode: 0o444 },
    { op: 'write', path: '/var/lib/dbus/machine-id', content: id, mode: 0o444, when: 'exists' },
    { op: 'write', path: '/etc/hostname', content: `${hostname}\n`, mode: 0o644 },
  ];
  for (const type of KEY_TYPES) {
    if (trees.some((tree) => hasFile(tree, keyPath(type)))) edits.push(...(await newHostKey(name, type)));
  }
  // First without a process of its own, which costs more than all the rest of a clone.
  if (compiled && addon().editTrees([...trees].reverse(), edits)) return;
  const { compile } = await import('./compile.js');
  const { plan } = await compile(ctx, name, 'kept');
  const { editRoot } = await import('../supervisor/setup.js');
  await editRoot(plan, edits);
}

function keyPath(type: string): string {
  return `/etc/ssh/ssh_host_${type}_key`;
}

async function newHostKey(name: string, type: (typeof KEY_TYPES)[number]): Promise<FileEdit[]> {
  const dir = await mkdtemp(join(tmpdir(), 'tsct-key-'));
  try {
    const file = join(dir, 'key');
    await run('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', `root@${name}`, '-f', file], {
      doing: `make ssh host keys for ${name}`,
      debianPackage: 'openssh-client',
    });
    const [secret, open] = await Promise.all([readFile(file, 'utf8'), readFile(`${file}.pub`, 'utf8')]);
    return [
      { op: 'write', path: keyPath(type), content: secret, mode: 0o600 },
      { op: 'write', path: `${keyPath(type)}.pub`, content: open, mode: 0o644 },
    ];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Looks into a tree that may be hostile: no link in it leads out. */
function hasFile(tree: HostPath, path: string): boolean {
  const root = openSync(tree, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    closeSync(
      addon().openat2InRoot(root, path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW),
    );
    return true;
  } catch (error) {
    if (isSyscallErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENXIO')) return false;
    throw error;
  } finally {
    closeSync(root);
  }
}
