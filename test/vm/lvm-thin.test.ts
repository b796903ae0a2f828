import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testSnapshotsOfWriter } from '../support/snapshot-writer.js';
import { stackOf, unnamedTrees } from '../support/stored-root.js';
import { SLOWNESS, until, useRoot } from '../support/temp-root.js';
import { BUILT_CLI, spawnTsct } from '../support/tsct.js';

// Containers whose trees are thin volumes, in a pool on a loop file. This kernel has a device mapper.
const VG = `tsct-test-${process.pid}`;
const POOL = `${VG}/pool`;
const root = useRoot();
const PATIENCE = { timeout: 60_000 * SLOWNESS };
let home = '';
let loop = '';

const sh = async (script: string) => (await execa('sh', ['-c', script])).stdout.trim();
const lines = (text: string) => text.split('\n').map((line) => line.trim());

/** tsct's volumes in the group, and those of them that are mounted, by layer id. */
const volumes = async () =>
  lines(await sh(`lvs --noheadings -o lv_name -S lv_tags=tsct ${VG}`))
    .filter(Boolean)
    .map((name) => name.replace('tsct-', ''))
    .sort();
const mounted = async () =>
  lines(await readFile('/proc/self/mountinfo', 'utf8'))
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${root.path}/`) && path.endsWith('/tree'))
    .map((path) => path.split('/').at(-2))
    .sort();
const upperOf = async (name: string) => (await stackOf(root, name)).upper ?? '';
const create = (name: string, ...set: readonly string[]) =>
  root.ok([
    ...['create', name, '--template', 'busybox', '--set', 'Storage.Driver=lvm-thin'],
    ...[`Storage.Pool=${POOL}`, ...set].flatMap((word) => ['--set', word]),
  ]);
const write = (name: string, text: string) => root.sh(name, `echo ${text} >/root/state; sync`);
const readState = async (name: string) => {
  await root.ok(['start', name]);
  const text = await root.sh(name, 'cat /root/state');
  await root.ok(['stop', '--kill', name]);
  return text;
};

/** As a reboot leaves it: nothing mounted, no volume active. */
const reboot = async () => {
  for (const id of await mounted()) await execa('umount', [root.layout.layerTree(id ?? '')]);
  await execa('vgchange', ['-an', VG]);
  await execa('vgchange', ['-ay', VG]);
  expect(await mounted()).toEqual([]);
};

beforeAll(async () => {
  home = await mkdtemp('/var/tmp/tsct-lvm-');
  await writeFile(join(home, 'disk'), '');
  await truncate(join(home, 'disk'), 1 << 30);
  loop = await sh(`losetup --find --show ${home}/disk`);
  await sh(`vgcreate ${VG} ${loop} && lvcreate -T -L 512M ${POOL}`);
}, PATIENCE.timeout);

afterAll(async () => {
  await sh(`vgremove -f -y ${VG} && losetup -d ${loop}`);
  await rm(home, { recursive: true });
}, PATIENCE.timeout);

// Runs before that of useRoot, which looks for mounts: what a test leaves is what `destroy` leaves.
afterEach(async () => {
  await root.destroyAllBut([]);
  expect(await volumes(), 'volumes left behind').toEqual([]);
}, PATIENCE.timeout);

test(
  'snapshots of it running and stopped, restore, clone, and whoever is destroyed first',
  PATIENCE,
  async () => {
    await create('box');
    expect((await root.ok(['info', 'box', '--json'])).json()).toMatchObject({
      root: { driver: 'lvm-thin' },
      storage: { usedBytes: expect.any(Number) },
    });
    await root.ok(['start', 'box']);
    await write('box', 'one');
    const taken = (await root.ok(['snapshot', 'create', 'box', 's1', '--json'])).json();
    expect(taken).toMatchObject({ running: true, copiedBytes: 0, frozenMs: 0 });
    await write('box', 'two');
    await root.ok(['stop', 'box']);
    await root.ok(['snapshot', 'create', 'box', 's2']);
    expect(await mounted(), 'nobody has looked into a snapshot').toEqual([await upperOf('box')]);

    await root.ok(['clone', 'box@s1', 'copy']);
    await root.ok(['start', 'copy']);
    expect(await root.sh('copy', 'cat /root/state; hostname')).toBe('one\ncopy');
    await root.ok(['snapshot', 'restore', 'box@s1']);
    expect(await readState('box')).toBe('one');
    await root.ok(['snapshot', 'restore', 'box@s2']);
    expect(await readState('box')).toBe('two');
    const { stdout } = await root.ok(['snapshot', 'diff', 'box@s1', '--json']);
    expect(stdout).toContain('/root/state');

    await root.ok(['destroy', 'box']);
    expect(await volumes(), 'its clone stays').toEqual([await upperOf('copy')]);
    expect(await root.sh('copy', 'cat /root/state')).toBe('one');
    await root.ok(['stop', '--kill', 'copy']);
    await root.ok(['clone', 'copy', 'third']);
    await root.ok(['destroy', 'third']);
    expect(await readState('copy')).toBe('one');
  },
);

test('after a reboot all is mounted again by who needs it', PATIENCE, async () => {
  await create('box');
  await root.ok(['start', 'box']);
  await write('box', 'one');
  await root.ok(['stop', '--kill', 'box']);
  await root.ok(['snapshot', 'create', 'box', 's1']);

  await reboot();
  await root.ok(['cp', 'box@s1:/root/state', join(home, 'state')]);
  expect(await readFile(join(home, 'state'), 'utf8')).toBe('one\n');
  await reboot();
  await root.ok(['export', 'box', join(home, 'box.tar.zst')]);
  await reboot();
  await root.ok(['clone', 'box', 'copy']);
  expect(await readState('copy')).toBe('one');
  await reboot();
  expect(await readState('box')).toBe('one');
  await root.ok(['destroy', 'box', 'copy']);
  await root.ok(['import', 'again', join(home, 'box.tar.zst')]);
  expect(await readState('again')).toBe('one');
  expect(await volumes()).toEqual([await upperOf('again')]);
});

test('differences are sent to another one, and a backup comes back as one', PATIENCE, async () => {
  await create('box');
  await root.ok(['start', 'box']);
  for (const state of ['one', 'two']) {
    await write('box', state);
    await root.ok(['snapshot', 'create', 'box', state]);
  }
  await root.ok(['stop', '--kill', 'box']);
  const sent = join(home, 'sent');
  const send = (what: string) =>
    sh(`TSCT_ROOT=${root.path} ${process.execPath} ${BUILT_CLI} send ${what} >${sent}`);
  const inPool = ['--set', 'Storage.Driver=lvm-thin', '--set', `Storage.Pool=${POOL}`];
  await send('box@one');
  await root.ok(['receive', 'copy', sent, ...inPool]);
  expect(await readState('copy')).toBe('one');
  await send('box@two --from one');
  await root.ok(['receive', 'copy', sent]);
  await root.ok(['snapshot', 'restore', 'copy@two']);
  expect(await readState('copy')).toBe('two');
  await root.ok(['snapshot', 'restore', 'copy@one']);
  expect(await readState('copy')).toBe('one');

  const repo = ['--repo', join(home, 'repo')];
  await root.ok(['backup', 'create', 'box', ...repo]);
  await root.ok(['backup', 'restore', 'box', ...repo, '--as', 'again']);
  expect(await volumes()).toContain(await upperOf('again'));
  expect(await readState('again')).toBe('two');
});

test('SizeMax= limits it, and can be lifted', PATIENCE, async () => {
  await create('box', 'Storage.SizeMax=32M');
  await root.ok(['start', 'box']);
  const fill = async () =>
    Number(
      await root.sh('box', 'dd if=/dev/zero of=/root/big bs=1M count=48 2>/dev/null; stat -c %s /root/big'),
    ) / 1048576;
  const limited = await fill();
  expect(limited).toBeGreaterThan(16);
  expect(limited).toBeLessThanOrEqual(32);
  await root.ok(['stop', '--kill', 'box']);
  const ephemeral = await root.run(['start', '--ephemeral', 'box']);
  expect(ephemeral, 'what it writes goes to the disk of the state root').toMatchObject({ exitCode: 5 });
  await root.ok(['config', 'unset', 'box', 'Storage.SizeMax']);
  await root.ok(['start', 'box']);
  expect(await fill()).toBe(48);
});

test('a pool that is not named, not there, or full', PATIENCE, async () => {
  const words = ['create', 'box', '--template', 'busybox', '--set', 'Storage.Driver=lvm-thin'];
  const unnamed = await root.run(words);
  expect(unnamed).toMatchObject({ exitCode: 2 });
  expect(unnamed.stderr).toContain('Storage.Pool is not set');
  const absent = await root.run([...words, '--set', `Storage.Pool=${VG}/nope`]);
  expect(absent).toMatchObject({ exitCode: 5 });
  expect(absent.stderr).toContain(`cannot use ${VG}/nope: there is no such thin pool`);
  expect(unnamedTrees(root)).toEqual([]);

  await sh(`lvcreate -T -L 64M ${VG}/small && lvchange --errorwhenfull y ${VG}/small`);
  await root.ok([...words, '--set', `Storage.Pool=${VG}/small`]);
  await root.ok(['start', 'box']);
  const fill = 'dd if=/dev/urandom of=/root/big bs=1M count=36 conv=notrunc; sync';
  await root.sh('box', fill);
  await root.ok(['snapshot', 'create', 'box', 's1']);
  await root.run(['exec', 'box', '-T', '--', 'sh', '-c', fill]);
  const full = await root.run(['snapshot', 'create', 'box', 's2']);
  expect(full).toMatchObject({ exitCode: 1 });
  expect(full.stderr).toContain('the pool is full');
  expect(full.stderr).toContain('lvextend');
  expect((await root.ok(['snapshot', 'list', 'box', '--json'])).json()).toMatchObject([{ snapshot: 's1' }]);
  await root.ok(['destroy', '--force', 'box']);
});

describe('killed at every step', () => {
  beforeEach(async () => {
    await create('box');
    await root.ok(['snapshot', 'create', 'box', 's1']);
  }, PATIENCE.timeout);

  const another = ['create', 'other', '--template', 'busybox', '--set', 'Storage.Driver=lvm-thin'];
  test.each([
    { verb: [...another, '--set', `Storage.Pool=${POOL}`], points: ['thin.noted', 'thin.made'] },
    { verb: ['snapshot', 'create', 'box', 's2'], points: ['thin.noted', 'thin.made'] },
    { verb: ['clone', 'box@s1', 'other'], points: ['thin.noted', 'thin.made'] },
    { verb: ['snapshot', 'delete', 'box@s1'], points: ['thin.hidden', 'thin.dropped'] },
  ])('$verb', PATIENCE, async ({ verb, points }) => {
    for (const point of points) {
      await root.run(['snapshot', 'create', 'box', 's1']); // there already, unless the one before deleted it
      expect((await root.run(verb, { env: { TSCT_FAULT: point } })).exitCode, point).toBe(137);
      await root.ok(['list']);
      expect(unnamedTrees(root), `no tree after ${point}`).toEqual([]);
      const layers = await sh(`ls ${dirname(root.layout.layerDir('x'))}/*/volume`);
      expect(await volumes(), `no volume after ${point}`).toEqual(
        lines(layers)
          .map((file) => file.split('/').at(-2))
          .sort(),
      );
      expect((await root.ok(['list', '-q'])).stdout).toBe('box\n');
    }
  });
});

// lvcreate lives on, and would make a volume whose directory the next command has swept: it has the pin's lock.
test('killed while lvcreate is at work', PATIENCE, async () => {
  await create('box');
  const begun = join(home, 'begun');
  await mkdir(join(home, 'slow'));
  const script = `#!/bin/sh\ntouch ${begun}\nsleep ${SLOWNESS}\nexec /usr/sbin/lvcreate "$@"\n`;
  await writeFile(join(home, 'slow/lvcreate'), script, { mode: 0o755 });
  const env = { PATH: `${home}/slow:${process.env['PATH']}` };
  const killed = spawnTsct(['snapshot', 'create', 'box', 's1'], { root: root.path, env });
  await until('lvcreate is at work', () => existsSync(begun));
  killed.kill('SIGKILL');
  await killed;
  await root.ok(['list']);
  await until('lvcreate has ended', async () => (await volumes()).length > 1);
  await root.ok(['list']);
  expect(unnamedTrees(root)).toEqual([]);
  expect(await volumes()).toEqual([await upperOf('box')]);
});

// The guest is not held still: the kernel holds the writes to its file system, for the moment of the snapshot.
describe('a guest that writes at full speed', () => {
  const show = (snapshot: string) => root.ok(['snapshot', 'diff', `box@${snapshot}`]);
  testSnapshotsOfWriter(root, () => create('box'), 3, show);
});
