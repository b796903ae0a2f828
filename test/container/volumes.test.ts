import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, onTestFinished } from 'vitest';
import { loopFilesystem } from '../support/loopfs.js';
import { noFilesystem, noRoot, testNeeding } from '../support/requires.js';
import { TestRoot, until, useRoot } from '../support/temp-root.js';

const root = useRoot();
const it = testNeeding(noRoot());
interface Volume {
  readonly name: string;
  readonly from: string | null;
  readonly path: string;
  readonly usedBy: readonly string[];
  readonly snapshots: readonly string[];
}
const volumes = async () => (await root.ok(['volume', 'list', '--json'])).json<Volume[]>();
const tree = (name: string) => root.layout.volumeTree(name);
const attach = (container: string, ...lines: readonly string[]) =>
  writeFileSync(
    root.layout.configFile(container),
    `[Files]\n${lines.map((line) => `Volume=${line}\n`).join('')}`,
  );
const owner = (path: string) => `${statSync(path).uid}:${statSync(path).gid}`;

beforeAll(async () => {
  for (const name of ['one', 'two']) await root.ok(['create', name, '--template', 'busybox']);
});
afterEach(async () => {
  await root.ok(['stop', '--kill', 'one', 'two']);
  for (const name of ['one', 'two']) attach(name);
  const names = (await volumes()).map((volume) => volume.name);
  if (names.length > 0) await root.ok(['volume', 'destroy', ...names]);
});

describe('volumes', () => {
  it('two containers share one, with the ids of each; 0-based on disk; ro, nodev, nosuid', async () => {
    await root.ok(['volume', 'create', 'data']);
    attach('one', 'data:/srv/new/data', 'data:/srv/suid:suid');
    attach('two', 'data:/mnt:ro');
    await root.ok(['start', 'one', 'two']);
    await root.sh('one', 'cd /srv/new/data; echo hello >f; chown 33:34 f');
    expect(owner(join(tree('data'), 'f'))).toBe('33:34');
    expect(
      await root.sh('two', 'cat /mnt/f; stat -c %u:%g /mnt/f; echo x 2>/dev/null >/mnt/g || echo refused'),
    ).toBe('hello\n33:34\nrefused');
    expect(await root.sh('one', 'grep " /srv/new/data " /proc/mounts')).toMatch(/nosuid,nodev/);
    expect(await root.sh('one', 'grep " /srv/suid " /proc/mounts')).not.toMatch(/nosuid/);
    expect(await root.sh('one', 'mknod /srv/new/data/null c 1 3 2>&1 || echo refused')).toMatch(/refused/);
    expect((await volumes())[0]).toMatchObject({
      name: 'data',
      from: null,
      usedBy: ['one', 'two'],
      snapshots: [],
    });
  });

  it('it outlives the container, and is no part of its snapshots', async () => {
    await root.ok(['volume', 'create', 'data']);
    await root.ok([
      'create',
      'brief',
      '--template',
      'busybox',
      '--set',
      'Files.Volume=data:/data',
      '--start',
    ]);
    await root.sh('brief', 'echo kept >/data/f');
    await root.ok(['stop', 'brief']);
    await root.ok(['snapshot', 'create', 'brief', 's']);
    writeFileSync(join(tree('data'), 'f'), 'newer\n');
    await root.ok(['snapshot', 'restore', 'brief@s']);
    await root.ok(['destroy', '--force', 'brief']);
    expect(readFileSync(join(tree('data'), 'f'), 'utf8')).toBe('newer\n');
  });

  it('destroy is refused while a config names it, or a run still has it, and names who', async () => {
    await root.ok(['volume', 'create', 'data']);
    attach('one', 'data:/data');
    attach('two', 'data:/data');
    const both = await root.run(['volume', 'destroy', 'data']);
    expect([both.exitCode, both.stderr]).toEqual([
      4,
      expect.stringMatching(/volume data: one, two has it attached/),
    ]);
    await root.ok(['start', 'one']);
    attach('one');
    attach('two');
    const running = await root.run(['volume', 'destroy', 'data']);
    expect([running.exitCode, running.stderr]).toEqual([
      4,
      expect.stringMatching(/one has it.*\n.*restart one/),
    ]);
    writeFileSync(root.layout.configFile('two'), '[Files\n');
    expect((await root.run(['volume', 'destroy', 'data'])).stderr).toMatch(/two.*config is wrong/);
    attach('two');
    await root.ok(['restart', 'one']);
    await root.ok(['volume', 'destroy', 'data']);
    expect(existsSync(tree('data'))).toBe(false);
  });

  it('a config that names one that is not there: the start fails with exit 3 and says how to make it', async () => {
    attach('one', 'nosuch:/data');
    const started = await root.run(['start', 'one']);
    expect([started.exitCode, started.stderr]).toEqual([3, expect.stringMatching(/volume create nosuch/)]);
    attach('one', 'nosuch');
    expect((await root.run(['start', 'one'])).stderr).toMatch(/config:2: Volume=: .*does not say where/);
  });

  it('a snapshot is what the volume was, and a volume is made of it', async () => {
    await root.ok(['volume', 'create', 'data']);
    writeFileSync(join(tree('data'), 'f'), 'old\n');
    await root.ok(['volume', 'snapshot', 'data', 'then']);
    writeFileSync(join(tree('data'), 'f'), 'new\n');
    expect((await root.ok(['volume', 'snapshot', 'data'])).stdout).toMatch(/^data@\d{8}T\d{6}Z\n$/);
    expect((await root.run(['volume', 'snapshot', 'data', 'then'])).exitCode).toBe(4);
    await root.ok(['volume', 'create', 'back', '--from', 'data@then']);
    expect(readFileSync(join(tree('back'), 'f'), 'utf8')).toBe('old\n');
    await root.ok(['volume', 'destroy', 'data@then']);
    const [back, data] = await volumes();
    expect(back).toMatchObject({ name: 'back', from: 'data@then' });
    expect(data?.snapshots).toHaveLength(1);
    expect((await root.run(['volume', 'create', 'x', '--from', 'data@then'])).exitCode).toBe(3);
    expect((await root.run(['volume', 'create', 'data'])).exitCode).toBe(4);
    expect((await root.run(['volume', 'create', '../data'])).exitCode).toBe(2);
  });

  it('a snapshot of one in use: those that write stand still together, and go on', async () => {
    await root.ok(['volume', 'create', 'data']);
    attach('one', 'data:/data');
    attach('two', 'data:/data');
    await root.ok(['start', 'one', 'two']);
    // Each writes one number into all of its files in turn: at any moment a front of n stands before a rest of n - 1.
    const files = Array.from({ length: 60 }, (_, k) => String(k).padStart(2, '0'));
    const writer = (name: string) =>
      `i=0; while [ ! -e /data/stop ]; do i=$((i+1)); for f in ${files.join(' ')}; do echo $i >/data/${name}.$f; done; done >/dev/null 2>&1 &`;
    for (const name of ['one', 'two']) await root.sh(name, writer(name));
    const last = (name: string) => existsSync(join(tree('data'), `${name}.59`));
    await until('both have written all', () => last('one') && last('two'));
    for (const snapshot of ['s1', 's2', 's3']) {
      await root.ok(['volume', 'snapshot', 'data', snapshot]);
      for (const name of ['one', 'two']) {
        const kept = join(root.layout.volumesDir, 'data/snapshots', snapshot, 'tree');
        const all = files.map((f) => Number(readFileSync(join(kept, `${name}.${f}`), 'utf8')));
        const numbers = all.filter((n) => n !== 0); // between opening and writing a file is empty
        expect(numbers.length).toBeGreaterThan(58);
        expect(numbers).toEqual([...numbers].sort((a, b) => b - a));
        expect((numbers[0] ?? 0) - (numbers.at(-1) ?? 0)).toBeLessThanOrEqual(1);
      }
    }
    const before = readFileSync(join(tree('data'), 'two.00'), 'utf8');
    await until('both go on', () => readFileSync(join(tree('data'), 'two.00'), 'utf8') !== before);
    writeFileSync(join(tree('data'), 'stop'), '');
    await root.ok(['freeze', 'one']);
    await root.ok(['thaw', 'one']);
  });

  it('kill -9 in the middle: whole or not there, and the next command clears up', async () => {
    await root.ok(['volume', 'create', 'data']);
    writeFileSync(join(tree('data'), 'f'), 'old\n');
    const killed = (point: string, ...args: readonly string[]) =>
      root.run(['volume', ...args], { env: { TSCT_FAULT: point } });
    const there = () =>
      readdirSync(root.layout.volumesDir)
        .map((name) => name.replace(/_.*/, ''))
        .sort();
    expect((await killed('volume.filled', 'snapshot', 'data', 's')).exitCode).toBe(137);
    expect(there()).toEqual(['.tmp-data', 'data']);
    await root.ok(['list']);
    expect(there()).toEqual(['data']);
    expect((await volumes())[0]?.snapshots).toEqual([]);
    expect((await killed('volume.filled', 'create', 'other', '--from', 'data')).exitCode).toBe(137);
    await root.ok(['volume', 'create', 'other', '--from', 'data']);
    expect((await killed('volume.doomed', 'destroy', 'data')).exitCode).toBe(137);
    expect((await volumes()).map((volume) => volume.name)).toEqual(['other']);
    await until('it is cleared up', () => there().join() === 'other');
  });
});

testNeeding(noRoot(), noFilesystem('btrfs'))(
  'on btrfs a volume is a subvolume, and a snapshot of it costs nothing',
  async () => {
    const disk = await loopFilesystem('btrfs', 300 * 1024 * 1024);
    onTestFinished(() => disk.dispose());
    const own = await TestRoot.create(disk.path);
    onTestFinished(() => own.dispose());
    await own.ok(['volume', 'create', 'data']);
    const at = own.layout.volumeTree('data');
    expect([statSync(at).ino, statSync(at).mode & 0o7777]).toEqual([256, 0o755]);
    writeFileSync(join(at, 'f'), Buffer.alloc(100 * 1024 * 1024, 1));
    for (let i = 0; i < 4; i++) await own.ok(['volume', 'snapshot', 'data', `s${i}`]);
    writeFileSync(join(at, 'f'), 'new');
    await own.ok(['volume', 'create', 'back', '--from', 'data@s3']);
    expect(statSync(join(own.layout.volumeTree('back'), 'f')).size).toBe(100 * 1024 * 1024);
    await own.ok(['volume', 'destroy', 'data', 'back']);
    expect(readdirSync(own.layout.volumesDir)).toEqual([]);
  },
);
