import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { StateLayout } from '../../src/base/paths.js';
import type { ContainerInfo } from '../../src/lifecycle/info.js';
import { leftOver, type Traces, tracesOf } from './leftovers.js';
import { type LoopFilesystem, loopFilesystem } from './loopfs.js';
import { type TsctOptions, type TsctResult, tsct, tsctOk } from './tsct.js';

/** Where state roots of tests are made: a real disk, never a tmpfs. TSCT_TEST_DIR moves it. */
const TEST_DIR = process.env['TSCT_TEST_DIR'] ?? '/var/tmp';

/** Sparse. */
const DISK_BYTES = 1 << 30;

/** A state root of its own for a test file, and the command line pointed at it. */
export class TestRoot {
  readonly layout: StateLayout;

  private constructor(readonly path: string) {
    this.layout = new StateLayout(path);
  }

  /** @param parent directory on the file system to be used. */
  static async create(parent = TEST_DIR): Promise<TestRoot> {
    await mkdir(parent, { recursive: true });
    const path = await mkdtemp(join(parent, 'tsct-test-'));
    await chmod(path, 0o700);
    return new TestRoot(path);
  }

  get hash(): string {
    return this.layout.hash;
  }

  /** Any exit code. */
  run(args: readonly string[], options: Omit<TsctOptions, 'root'> = {}): Promise<TsctResult> {
    return tsct(args, { ...options, root: this.path });
  }

  /** Exit code 0, or the test fails with what was printed. */
  ok(args: readonly string[], options: Omit<TsctOptions, 'root'> = {}): Promise<TsctResult> {
    return tsctOk(args, { ...options, root: this.path });
  }

  /** A stopped container of busybox. @param settings of its config, `Section.Key=VALUE`. */
  create(name: string, ...settings: readonly string[]): Promise<TsctResult> {
    return this.ok(['create', name, '--template', 'busybox', ...settings.flatMap((one) => ['--set', one])]);
  }

  /** The same, running, and on no network. */
  async start(name: string, ...settings: readonly string[]): Promise<void> {
    await this.create(name, 'Network.Private=yes', ...settings);
    await this.ok(['start', name]);
  }

  async info(name: string): Promise<ContainerInfo> {
    return (await this.ok(['info', name, '--json'])).json<ContainerInfo>();
  }

  /** Runs a shell line inside; its stdout without the last newline. */
  async sh(name: string, script: string): Promise<string> {
    return (await this.ok(['exec', name, '-T', '--', 'sh', '-c', script])).stdout.trimEnd();
  }

  traces(): Traces {
    return tracesOf(this.path, this.hash);
  }

  /** Containers, whole or not, as the directory has them: asking the command line would cost each test 0.2 s. */
  async names(): Promise<string[]> {
    return (await readdir(this.path)).filter((name) => !name.startsWith('.'));
  }

  /** Destroys what was made since `keep` was taken. */
  async destroyAllBut(keep: readonly string[]): Promise<void> {
    const made = (await this.names()).filter((name) => !keep.includes(name));
    if (made.length > 0) await this.ok(['destroy', '--force', ...made]);
  }

  /** Ends with the root gone; fails when anything of it is left on the machine. */
  async dispose(): Promise<void> {
    await this.destroyAllBut([]);
    const left = leftOver(new Set(), this.traces()).filter((trace) => !trace.startsWith('file '));
    expect(left, 'left on the machine by the whole file').toEqual([]);
    await rm(this.path, { recursive: true, force: true });
  }
}

/**
 * One state root for the test file that calls this at its top. After every test, containers that the test made are
 * destroyed and everything of the root must be as it was before: mounts, cgroups, links, processes, files.
 * A container that several tests need is made in `beforeAll`.
 * @param fileSystem a fresh one to have it on, absent: that of the machine. @param diskBytes its size.
 */
export function useRoot(fileSystem?: 'ext4' | 'xfs' | 'btrfs', diskBytes = DISK_BYTES): TestRoot {
  let root: TestRoot | undefined;
  let disk: LoopFilesystem | undefined;
  let before: Traces = new Set();
  let names: readonly string[] = [];
  beforeAll(async () => {
    if (fileSystem) disk = await loopFilesystem(fileSystem, diskBytes);
    root = await TestRoot.create(disk?.path);
  });
  beforeEach(async () => {
    names = await current().names();
    before = current().traces();
  });
  afterEach(async () => {
    await current().destroyAllBut(names);
    const left = leftOver(before, current().traces());
    // One failure must not become that of every test after it.
    if (left.length > 0 && names.length > 0) await current().run(['stop', '--kill', ...names]);
    expect(left, 'left behind by this test').toEqual([]);
  });
  afterAll(async () => {
    await root?.dispose();
    await disk?.dispose();
  });
  function current(): TestRoot {
    if (!root) throw new Error('the state root is made in beforeAll: use it inside hooks and tests only');
    return root;
  }
  // A stand-in that is whole once beforeAll has run, so that a file can say `const root = useRoot()` at its top.
  return new Proxy({} as TestRoot, {
    get: (_, property) => {
      const value = Reflect.get(current(), property, current());
      return typeof value === 'function' ? value.bind(current()) : value;
    },
  });
}

/** Waits for something observable; fails with `what` after the time. Tests of state that nobody announces only. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  timeoutMs = 30_000,
): Promise<void> {
  const end = Date.now() + timeoutMs * SLOWNESS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${timeoutMs * SLOWNESS} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** 1 natively, more where everything is emulated: multiply every patience by it. */
export const SLOWNESS = Number(process.env['TSCT_TEST_SLOWNESS'] ?? 1);
