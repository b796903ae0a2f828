import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeDirectories } from '../base/directories.js';
import { isErrno } from '../base/errors.js';
import type { HostPath, StateLayout } from '../base/paths.js';
import { randomHex } from '../base/random.js';
import type { HeldLock, StorageTools } from './tools.js';

/**
 * Names layers that somebody is making use of before a file of his names them: it counts like such a file while
 * its lock is held. A killed process's pin holds nothing any more, and tells that there is something to sweep.
 */
export class Pin {
  private readonly layers: string[] = [];

  private constructor(
    private readonly file: HostPath,
    private readonly lock: HeldLock,
    private readonly container: string,
  ) {}

  /** @param container whose change it is; empty for none. */
  static async create(layout: StateLayout, tools: StorageTools, container: string): Promise<Pin> {
    makeDirectories(layout.pinDir, 0o700);
    const name = randomHex(8);
    const lock = await tools.lock(lockOf(layout, name));
    const pin = new Pin(join(layout.pinDir, `${name}.json`), lock, container);
    await pin.add();
    return pin;
  }

  /** Of its lock: see HeldLock. */
  get fd(): number {
    return this.lock.fd;
  }

  /** Not fsynced: after a crash of the host nobody is making anything. */
  async add(...layers: readonly string[]): Promise<void> {
    this.layers.push(...layers);
    const text = JSON.stringify({ container: this.container, layers: this.layers });
    writeFileSync(`${this.file}.tmp`, text, { mode: 0o600 });
    renameSync(`${this.file}.tmp`, this.file);
  }

  async release(): Promise<void> {
    await removePin(this.file);
    await this.lock.release();
  }
}

export interface PinFile {
  readonly file: HostPath;
  /** Whoever made it still runs. */
  readonly alive: boolean;
  readonly container: string;
  readonly layers: readonly string[];
}

/** All pins there are. */
export async function readPins(layout: StateLayout, tools: StorageTools): Promise<PinFile[]> {
  const names = await readdir(layout.pinDir).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const files = [...new Set(names.map((name) => join(layout.pinDir, basename(name, '.tmp'))))];
  const pins = await Promise.all(files.map((file) => readPin(layout, tools, file)));
  return pins.filter((pin) => pin !== undefined);
}

async function readPin(
  layout: StateLayout,
  tools: StorageTools,
  file: HostPath,
): Promise<PinFile | undefined> {
  const lock = await tools.tryLock(lockOf(layout, basename(file, '.json')));
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  });
  await lock?.release();
  // Only a temporary file, of a process that was killed at its first step, or at work on it now.
  if (text === undefined) return lock ? { file, alive: false, container: '', layers: [] } : undefined;
  return { file, alive: !lock, ...(JSON.parse(text) as { container: string; layers: string[] }) };
}

/** What is left of a pin whose process has died. */
export async function removePin(file: HostPath): Promise<void> {
  rmSync(file, { force: true });
  rmSync(`${file}.tmp`, { force: true });
}

function lockOf(layout: StateLayout, name: string): HostPath {
  return layout.lockFile(`_pin_${name}`);
}
