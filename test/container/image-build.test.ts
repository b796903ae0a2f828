import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ensureImage } from '../../src/image/image.js';
import { type Recipe, readRecipe } from '../../src/image/recipe.js';
import { listTemplates, readTemplate } from '../../src/image/template.js';
import { type TestStore, testStore } from '../support/image-store.js';
import { CHECKOUT } from '../support/tsct.js';

/** A process of its own that builds the recipe `probe`, to be killed. */
const MAKER = `
  import { StateLayout } from '${CHECKOUT}/dist/base/paths.js';
  import { ensureImage } from '${CHECKOUT}/dist/image/image.js';
  import { LayerStore } from '${CHECKOUT}/dist/storage/layer-store.js';
  import { readRecipe } from '${CHECKOUT}/dist/image/recipe.js';
  import { FileLock } from '${CHECKOUT}/dist/state/lock.js';
  import { makeTree, removeTrees } from '${CHECKOUT}/dist/lifecycle/tree-tools.js';
  const layout = new StateLayout(process.argv[1]);
  const lock = (file, timeoutMs) => FileLock.acquire(file, { timeoutMs });
  const tools = {
    archiveProgram: '${CHECKOUT}/native/build/tsct-archive', makeTree, removeTrees,
    lock: (file) => lock(file, 600_000), tryLock: (file) => lock(file, 0),
    signal: new AbortController().signal, progress: () => {},
  };
  const store = new LayerStore(layout, tools);
  await ensureImage({ layout, tools, store }, await readRecipe('probe', process.argv[2]), {});`;

let store: TestStore;
let dir: string;

beforeEach(async () => {
  store = await testStore();
  dir = await mkdtemp(join(tmpdir(), 'tsct-recipes-'));
});
afterEach(async () => {
  await store.dispose();
  await rm(dir, { recursive: true, force: true });
});

/** A recipe whose build is these lines of shell. */
async function recipe(script: string, name = 'probe'): Promise<Recipe> {
  await mkdir(join(dir, name), { recursive: true });
  await writeFile(join(dir, name, 'recipe.ini'), '[Recipe]\nBuild=build\n[Parameters]\nsize=1\n');
  await writeFile(join(dir, name, 'build'), `#!/bin/bash\nset -e\n${script}\n`, { mode: 0o755 });
  return readRecipe(name, dir);
}

async function layers(): Promise<string[]> {
  const path = join(store.layout.store, 'layers');
  return existsSync(path) ? readdir(path) : [];
}

describe('an image', () => {
  test('is built once: the second call copies nothing', async () => {
    const made = await recipe(
      `date +%N >"$TREE/made"; echo "$PARAMETER_SIZE" >"$TREE/size"; echo 'I: at work' >&2`,
    );
    const first = await ensureImage(store, made, { size: '7' });
    const second = await ensureImage(store, made, { size: '7' });
    expect(second).toEqual(first);
    expect(store.said).toContain('at work');
    const [layer = ''] = first.layers;
    expect(await layers()).toEqual([layer]);
    expect(await readFile(join(store.store.tree(layer), 'size'), 'utf8')).toBe('7\n');
    expect((await stat(store.store.tree(layer))).mode & 0o7777).toBe(0o755);
    expect((await stat(join(store.layout.layerDir(layer)))).mode & 0o7777).toBe(0o700);
    expect(await ensureImage(store, made, { size: '8' })).not.toEqual(first);
  });

  test('wanted by two at once is built by one, the other waits', async () => {
    const made = await recipe(`date +%N >"$TREE/made"; echo x >>${dir}/builds; sleep 0.3`);
    const other = await testStore(store.layout.root);
    const [one, two] = await Promise.all([ensureImage(store, made, {}), ensureImage(other, made, {})]);
    expect(two).toEqual(one);
    expect(await readFile(join(dir, 'builds'), 'utf8')).toBe('x\n');
  });

  test('whose build fails leaves nothing, and says what the build said', async () => {
    const made = await recipe(
      `mount -t tmpfs t "$TREE"; touch "$TREE/a"; echo 'E: no such suite' >&2; exit 3`,
    );
    await expect(ensureImage(store, made, {})).rejects.toThrow(/recipe probe.*no such suite/s);
    expect(await layers()).toEqual([]);
    expect(await readdir(join(store.layout.root, '.locks'))).toEqual([]);
    expect(await readFile('/proc/self/mounts', 'utf8')).not.toContain(store.layout.root);
  });

  test('stopped by Ctrl-C leaves nothing', async () => {
    const made = await recipe(`touch "$TREE/a"; echo started >&2; sleep 61.5`);
    const built = ensureImage(store, made, {});
    await expect.poll(() => store.said).toContain('started');
    store.abort.abort();
    await expect(built).rejects.toThrow();
    expect(await layers()).toEqual([]);
    await expect
      .poll(async () => (await execa('pgrep', ['-f', 'sleep 61.5'], { reject: false })).exitCode)
      .toBe(1);
  });

  test('whose maker is killed dies with him, and the next call sweeps it and builds', async () => {
    await recipe(`touch "$TREE/a"; [ -e ${dir}/go ] || { touch ${dir}/started; sleep 62.5; }`);
    const maker = spawn(process.execPath, ['--input-type=module', '-e', MAKER, store.layout.root, dir]);
    await expect.poll(() => existsSync(join(dir, 'started')), { timeout: 20_000 }).toBe(true);
    maker.kill('SIGKILL');
    await once(maker, 'exit');
    await expect
      .poll(async () => (await execa('pgrep', ['-f', 'sleep 62.5'], { reject: false })).exitCode)
      .toBe(1);
    expect((await layers()).length).toBe(1);
    await writeFile(join(dir, 'go'), '');
    const image = await ensureImage(store, await readRecipe('probe', dir), {});
    expect(await layers()).toEqual(image.layers);
  });

  test('with a parameter that the recipe does not allow is refused', async () => {
    const made = await recipe('true');
    await expect(ensureImage(store, made, { release: 'x' })).rejects.toMatchObject({
      code: 'TSCT_BAD_PARAMETER',
      exitCode: 2,
    });
    await expect(ensureImage(store, made, { size: '$(id)' })).rejects.toThrow('size cannot be');
  });
});

describe('a layer', () => {
  test('goes when no container, snapshot or image names it', async () => {
    const source = join(dir, 'source');
    await mkdir(source);
    await writeFile(join(source, 'a'), 'a');
    const { layer: a } = await store.importRootfs(source);
    await writeFile(join(source, 'b'), 'b');
    const { layer: b } = await store.importRootfs(source);
    const image = await ensureImage(store, await recipe('touch "$TREE/c"'), {});
    await mkdir(join(store.layout.containerDir('one'), 'snapshots'), { recursive: true });
    await writeFile(store.layout.currentFile('one'), JSON.stringify({ layers: [] }));
    const snapshot = join(store.layout.containerDir('one'), 'snapshots', 's1');
    await writeFile(snapshot, JSON.stringify({ layers: [a] }));
    expect(await store.store.sweepUnused()).toEqual([b]);
    await rm(snapshot);
    await store.store.withPin('', [a], async () => {
      expect(await store.store.sweepUnused(), 'somebody makes something of it').toEqual([]);
    });
    expect(await store.store.sweepUnused()).toEqual([a]);
    expect(await layers()).toEqual(image.layers);
  });

  test('is kept once, however often the same tree is imported', async () => {
    const source = join(dir, 'source');
    await mkdir(source);
    await writeFile(join(source, 'a'), 'a');
    const first = await store.importRootfs(source);
    expect((await store.importRootfs(source)).layer).toBe(first.layer);
    expect(await layers()).toEqual([first.layer]);
  });

  test('is not swept by a record that cannot be read', async () => {
    const source = join(dir, 'source');
    await mkdir(source);
    await writeFile(join(source, 'a'), 'a');
    const { layer } = await store.importRootfs(source);
    await mkdir(store.layout.containerDir('one'));
    await writeFile(store.layout.currentFile('one'), '{"layers": [');
    await expect(store.store.sweepUnused()).rejects.toThrow('damaged');
    expect(await layers()).toEqual([layer]);
  });

  test('cannot be made of nothing', async () => {
    await mkdir(join(dir, 'empty'));
    await expect(store.importRootfs(join(dir, 'empty'))).rejects.toThrow('it is empty');
    await expect(store.importRootfs(join(dir, 'nowhere'))).rejects.toThrow('no such file');
    await expect(store.importRootfs('/dev/null')).rejects.toThrow('neither a directory nor a tar file');
    await writeFile(join(dir, 'junk'), Buffer.alloc(70_000, 'junk'));
    await expect(store.importRootfs(join(dir, 'junk'))).rejects.toMatchObject({ code: 'TSCT_BAD_ARCHIVE' });
    expect(await layers()).toEqual([]);
  });
});

describe('templates', () => {
  test('each names a recipe that is there, and says what it is', async () => {
    const names = await listTemplates();
    expect(names).toEqual(['busybox', 'debian', 'host']);
    for (const name of names) {
      const template = await readTemplate(name);
      expect(template.description).not.toBe('');
      expect((await readRecipe(template.recipe)).name).toBe(template.recipe);
    }
  });

  test('busybox makes a system with init, console getty and a locked root', async () => {
    const image = await ensureImage(store, await readRecipe('busybox'), {});
    const tree = store.store.tree(image.layers[0] ?? '');
    const { stdout } = await execa('chroot', [
      tree,
      '/bin/sh',
      '-c',
      'readlink /sbin/init; id -un; ls /sbin/getty',
    ]);
    expect(stdout).toBe('../bin/busybox\nroot\n/sbin/getty');
    expect(await readFile(join(tree, 'etc/shadow'), 'utf8')).toMatch(/^root:\$1\$locked00\$\.{22}:/);
    expect((await stat(join(tree, 'tmp'))).mode & 0o7777).toBe(0o1777);
  });

  test('host makes what stands beside /usr, without passwords', async () => {
    const image = await ensureImage(store, await readRecipe('host'), {});
    const tree = store.store.tree(image.layers[0] ?? '');
    expect(await readdir(join(tree, 'usr'))).toEqual([]);
    const shadow = (await readFile(join(tree, 'etc/shadow'), 'utf8')).trim().split('\n');
    expect(shadow.filter((line) => line.split(':')[1] !== '*')).toEqual([]);
    expect(await readFile(join(tree, 'etc/machine-id'), 'utf8')).toBe('');
  });
});
