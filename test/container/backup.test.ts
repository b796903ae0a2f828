import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { loopFilesystem } from '../support/loopfs.js';
import { makeOneOfEverything, told, toldOf } from '../support/one-of-everything.js';
import { noProgram, noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';
import { CHECKOUT, spawnTsct } from '../support/tsct.js';

const it = testNeeding(noRoot(), noProgram('restic'));
const root = useRoot();
let dir: string;
let repo: string;
let repository: string[];

interface Made {
  readonly id: string;
  readonly files: number;
  readonly filesRead: number;
  readonly addedBytes: number;
}

beforeAll(async () => {
  dir = mkdtempSync('/var/tmp/tsct-backup-');
  repo = join(dir, 'repo');
  writeFileSync(join(dir, 'key'), 'correct horse\n', { mode: 0o600 });
  repository = ['--repo', repo, '--key-file', join(dir, 'key')];
  await makeOneOfEverything(join(dir, 'from'));
  await root.ok(['create', 'web', '--rootfs', join(dir, 'from'), '--set', 'Exec.Hostname=web.example']);
  await root.ok(['backup', 'create', 'web', ...repository]);
});
afterAll(() => rmSync(dir, { recursive: true }));

const backup = async (name: string, more: readonly string[] = repository) =>
  (await root.ok(['backup', 'create', name, ...more, '--json'])).json<Made>();
const list = async (more: readonly string[] = repository) =>
  (await root.ok(['backup', 'list', ...more, '--json'])).json<{ id: string; name: string; of: string }[]>();
const identity = (name: string) => JSON.parse(readFileSync(root.layout.identityFile(name), 'utf8'));

function filesOf(at: string, directory = ''): string[] {
  return readdirSync(join(at, directory), { recursive: true, encoding: 'utf8' })
    .map((file) => join(directory, file))
    .filter((file) => statSync(join(at, file), { throwIfNoEntry: false })?.isFile());
}

describe('a backup comes back', () => {
  it('whole: all that the root had, its config, as a new machine', async () => {
    await root.ok(['backup', 'restore', 'web', ...repository, '--as', 'again']);
    expect(await toldOf(root.layout, 'again')).toBe(await told(join(dir, 'from')));
    expect((await root.ok(['config', 'get', 'again', 'Exec.Hostname'])).stdout).toBe('web.example\n');
    expect(identity('again').uuid).not.toBe(identity('web').uuid);
  });

  it('under its own name as the machine that it was', async () => {
    await root.ok(['create', 'lost', '--template', 'busybox', '--start']);
    await root.sh('lost', 'echo data >/root/data');
    const before = identity('lost');
    const id = await root.sh('lost', 'cat /etc/machine-id');
    await backup('lost');
    expect((await root.run(['backup', 'restore', 'lost', ...repository])).exitCode).toBe(4);
    await root.ok(['destroy', '--force', 'lost']);
    await root.ok(['backup', 'restore', 'lost', ...repository]);
    await root.ok(['start', 'lost']);
    expect(await root.sh('lost', 'cat /root/data /etc/machine-id')).toBe(`data\n${id}`);
    expect(identity('lost').uuid).toBe(before.uuid);
  });

  it('each by itself, of a running container and of a snapshot', async () => {
    await root.ok(['create', 'live', '--template', 'busybox', '--start']);
    await root.sh('live', 'echo one >/root/state');
    await root.ok(['snapshot', 'create', 'live', 's1']);
    await root.sh('live', 'echo two >/root/state');
    const now = await backup('live');
    const then = await backup('live@s1');
    expect((await list()).slice(-2).map((one) => one.of)).toEqual(['live', 'live@s1']);
    for (const [name, id, state] of [
      ['then', then.id, 'one'],
      ['now', now.id, 'two'],
    ] as const) {
      await root.ok(['backup', 'restore', 'live', ...repository, '--id', id, '--as', name]);
      await root.ok(['start', name]);
      expect(await root.sh(name, 'cat /root/state')).toBe(state);
    }
  });

  it('in part: a path, without set-id bits and devices for the host', async () => {
    const to = join(dir, 'part');
    mkdirSync(join(to, '.tsct-restore-999999999/rootfs'), { recursive: true }); // of a killed one
    await root.ok(['backup', 'restore', 'web', ...repository, '--path', '/d', '--to', to]);
    expect(readFileSync(join(to, 'd/file'), 'utf8')).toBe('one\n');
    await root.ok(['backup', 'restore', 'web', ...repository, '--path', '/setid', '--to', to]);
    expect(statSync(join(to, 'setid')).mode & 0o7777).toBe(0o755);
    expect(readdirSync(to).sort()).toEqual(['d', 'setid']);
    const none = await root.run(['backup', 'restore', 'web', ...repository, '--path', '/no', '--to', to]);
    expect(none.exitCode).toBe(1);
    expect(none.stderr).toContain('there is no such file');
  });

  it('and a second one of an unchanged container reads metadata only', async () => {
    const tree = join(dir, 'large');
    mkdirSync(join(tree, 'sbin'), { recursive: true });
    execFileSync('bash', ['-ec', `for i in {1..100}; do head -c 1M /dev/urandom >${tree}/$i; done`]);
    await root.ok(['create', 'large', '--rootfs', tree]);
    // With /etc/hostname and /etc/machine-id, and the two that tsct adds.
    expect((await backup('large')).filesRead).toBe(104);
    // What tsct says of it, twice, and nothing of the container.
    const again = await backup('large');
    expect(again.files).toBe(104);
    expect(again.filesRead).toBe(2);
    rmSync(tree, { recursive: true });
  });
});

describe('damage', () => {
  const damages: readonly [string, RegExp, (file: string) => void][] = [
    ['a flipped byte', /^data/, flip],
    ['a file cut short', /^data/, (file) => truncateSync(file, Math.floor(statSync(file).size / 2))],
    ['a missing pack', /^data/, (file) => rmSync(file)],
    ['a flipped byte in an index', /^index/, flip],
    ['a flipped byte in what names a backup', /^snapshots/, flip],
  ];

  function flip(file: string): void {
    const bytes = readFileSync(file);
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    chmodSync(file, 0o600);
    writeFileSync(file, bytes);
  }

  for (const [what, where, damage] of damages) {
    it(`${what} is found by verify and refused by restore, by its name`, async () => {
      const at = mkdtempSync(join(dir, 'damaged-'));
      const words = ['--repo', at, '--key-file', join(dir, 'key')];
      await root.ok(['backup', 'create', 'web', ...words]);
      expect((await root.ok(['backup', 'verify', ...words])).stdout).toBe('');
      const bySize = filesOf(at).filter((file) => where.test(file));
      const file = bySize.sort((a, b) => statSync(join(at, b)).size - statSync(join(at, a)).size)[0] ?? '';
      chmodSync(join(at, file), 0o600);
      damage(join(at, file));
      const verified = await root.run(['backup', 'verify', ...words]);
      expect(verified.exitCode).toBe(1);
      expect(verified.stdout).toContain(file);
      const layers = readdirSync(join(root.path, '.store/layers'));
      const restored = await root.run(['backup', 'restore', 'web', ...words, '--as', 'bad']);
      expect(restored.exitCode, restored.stderr).toBe(1);
      expect(restored.stderr).toContain(file);
      expect(existsSync(root.layout.containerDir('bad'))).toBe(false);
      expect(readdirSync(join(root.path, '.store/layers'))).toEqual(layers);
      rmSync(at, { recursive: true });
    });
  }
});

describe('keys', () => {
  it('one that does not open it is said to be', async () => {
    writeFileSync(join(dir, 'other'), 'wrong\n', { mode: 0o600 });
    const { exitCode, stderr } = await root.run([
      'backup',
      'list',
      '--repo',
      repo,
      '--key-file',
      join(dir, 'other'),
    ]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('does not open');
    const none = await root.run(['backup', 'list', '--repo', repo, '--key-file', join(dir, 'none')]);
    expect(none.stderr).toContain('no such file');
  });

  it('none given: one is made once, 0600, and what losing it means is said once', async () => {
    const at = ['--repo', join(dir, 'own')];
    const first = await root.ok(['backup', 'create', 'web', ...at]);
    expect(first.stderr).toContain('without it nobody can read the backups');
    const key = join(root.path, '.backup/key');
    expect(statSync(key).mode & 0o777).toBe(0o600);
    const text = readFileSync(key, 'utf8');
    expect((await root.ok(['backup', 'create', 'web', ...at])).stderr).toBe('');
    expect(readFileSync(key, 'utf8')).toBe(text);
    // Nothing of the container can be read in the repository.
    expect(
      filesOf(join(dir, 'own')).some((file) => readFileSync(join(dir, 'own', file)).includes('two words')),
    ).toBe(false);
    rmSync(join(dir, 'own'), { recursive: true });
  });
});

describe('prune', () => {
  it('keeps for each container what the rule says, and all that stays can be restored', async () => {
    const at = ['--repo', join(dir, 'pruned'), '--key-file', join(dir, 'key')];
    await root.ok(['create', 'box', '--template', 'busybox']);
    for (const name of ['web', 'box', 'web', 'box', 'web']) await backup(name, at);
    const would = await root.ok(['backup', 'prune', ...at, '--keep', 'last:1', '--dry-run', '--json']);
    expect(would.json<unknown[]>().length).toBe(3);
    expect((await list(at)).length).toBe(5);
    await root.ok(['backup', 'prune', ...at, '--keep', 'last:1']);
    expect((await list(at)).map((one) => one.name)).toEqual(['box', 'web']);
    await root.ok(['backup', 'verify', ...at]);
    await root.ok(['backup', 'restore', 'web', ...at, '--as', 'kept']);
    expect(await toldOf(root.layout, 'kept')).toBe(await told(join(dir, 'from')));
    expect(await root.run(['backup', 'prune', ...at, '--keep', 'nonsense'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /^Error: --keep: "nonsense" is not one of .*\nHint: tsct help backup prune\n$/,
      ),
    });
    rmSync(join(dir, 'pruned'), { recursive: true });
  });

  it('and backups at once wait for each other', async () => {
    const at = ['--repo', join(dir, 'busy'), '--key-file', join(dir, 'key')];
    await backup('web', at);
    const all = await Promise.all([
      root.run(['backup', 'create', 'web', ...at]),
      root.run(['backup', 'prune', ...at, '--keep', 'last:1']),
      root.run(['backup', 'create', 'web', ...at]),
      root.run(['backup', 'prune', ...at, '--keep', 'last:1']),
    ]);
    expect(all.map((one) => `${one.exitCode}${one.stderr}`)).toEqual(['0', '0', '0', '0']);
    await root.ok(['backup', 'verify', ...at]);
    expect(readdirSync(join(dir, 'busy')).sort()).toEqual([
      'config',
      'data',
      'index',
      'keys',
      'locks',
      'snapshots',
    ]);
    rmSync(join(dir, 'busy'), { recursive: true });
  });
});

it('the lines of the crontab that is shipped do it, every night', async () => {
  const text = readFileSync(join(CHECKOUT, 'contrib/cron.d/tsct-backup'), 'utf8');
  const jobs = [...text.matchAll(/^[\d*/ ]+ root (.*)$/gm)].map(([, job = '']) => job);
  expect(jobs.length).toBe(3);
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'tsct'), `#!/bin/sh\nexec ${process.execPath} ${CHECKOUT}/bin/tsct.js "$@"\n`, {
    mode: 0o755,
  });
  await root.ok(['create', 'second', '--template', 'busybox']);
  const env = { PATH: `${bin}:/usr/bin:/bin`, REPOSITORY: join(dir, 'nightly'), TSCT_ROOT: root.path };
  for (let night = 1; night <= 2; night++) {
    for (const job of jobs) {
      const { status, stdout } = spawnSync('sh', ['-c', job], { env, stdio: ['ignore', 'pipe', 'pipe'] });
      expect(status, job).toBe(0);
      expect(String(stdout), job).toBe('');
    }
  }
  // Of one day, the newest of each is kept.
  const own = await list(['--repo', join(dir, 'nightly')]);
  expect(own.map((one) => one.name).sort()).toEqual(['second', 'web']);
  rmSync(join(dir, 'nightly'), { recursive: true });
});

describe('bad luck', () => {
  it('what is not there', async () => {
    expect((await root.run(['backup', 'create', 'nope', ...repository])).exitCode).toBe(3);
    expect((await root.run(['backup', 'restore', 'nope', ...repository])).exitCode).toBe(3);
    expect(
      (await root.run(['backup', 'restore', 'web', ...repository, '--id', '00000000', '--as', 'x'])).exitCode,
    ).toBe(3);
    const none = await root.run([
      'backup',
      'list',
      '--repo',
      join(dir, 'none'),
      '--key-file',
      join(dir, 'key'),
    ]);
    expect(none.exitCode).toBe(3);
    expect(existsSync(join(dir, 'none'))).toBe(false);
  });

  it('kill -9 in the middle: the next backup goes on with what is there, and leaves no rubbish', async () => {
    const at = ['--repo', join(dir, 'killed'), '--key-file', join(dir, 'key')];
    const tree = join(dir, 'random');
    mkdirSync(join(tree, 'sbin'), { recursive: true });
    execFileSync('bash', ['-ec', `for i in {1..30}; do head -c 10M /dev/urandom >${tree}/$i; done`]);
    await root.ok(['create', 'random', '--rootfs', tree]);
    await backup('web', at);
    const packs = () => filesOf(join(dir, 'killed'), 'data').filter((file) => !file.includes('-tmp-'));
    const ps = () => execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
    const bytesThere = () => packs().reduce((sum, file) => sum + statSync(join(dir, 'killed', file)).size, 0);
    const child = spawnTsct(['backup', 'create', 'random', ...at], { root: root.path });
    await until('much of it is there', () => bytesThere() > 96 * 1024 ** 2);
    child.kill('SIGKILL');
    await child;
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('tsct-mend-'))).toEqual([]);
    await until(
      'restic is gone too',
      // Nor is it dead and still there: it would take its own lock for that of somebody at work.
      () => !/restic\] <defunct>/.test(ps()) && !ps().includes(join(dir, 'killed')),
    );
    expect((await list(at)).length).toBe(1);
    const there = bytesThere();
    const made = await backup('random', at);
    // What had come in is not written again, but for what a pack of 16 MiB begins and ends with.
    expect(made.addedBytes).toBeLessThan(300 * 1024 ** 2 - there + 32 * 1024 ** 2);
    expect(there).toBeGreaterThan(64 * 1024 ** 2);
    expect(filesOf(join(dir, 'killed')).filter((file) => /tmp|unfinished|lock/.test(file))).toEqual([]);
    await root.ok(['backup', 'verify', ...at]);
    await root.ok(['backup', 'restore', 'random', ...at, '--as', 'random2']);
    rmSync(join(dir, 'killed'), { recursive: true });
    rmSync(tree, { recursive: true });
  });

  it('a full disk: said, nothing half-made, and it goes on once there is room', async () => {
    const disk = await loopFilesystem('ext4', 64 << 20);
    try {
      const at = ['--repo', join(disk.path, 'repo'), '--key-file', join(dir, 'key')];
      await backup('web', at);
      execFileSync('bash', ['-c', `head -c 1M /dev/urandom >${dir}/from/more`]);
      await root.ok(['create', 'more', '--rootfs', join(dir, 'from')]);
      rmSync(join(dir, 'from/more'));
      execFileSync('bash', ['-c', `cat /dev/zero >${disk.path}/filler 2>/dev/null; true`]);
      const { exitCode, stderr } = await root.run(['backup', 'create', 'more', ...at]);
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/no space|ENOSPC/i);
      await disk.free();
      expect((await list(at)).length).toBe(1);
      await backup('more', at);
      await root.ok(['backup', 'verify', ...at]);
      // And the other way round.
      const small = { env: { TSCT_ROOT: join(disk.path, 'root') } };
      await root.ok(['list'], small);
      execFileSync('bash', ['-c', `cat /dev/zero >${disk.path}/filler 2>/dev/null; true`]);
      const restored = await root.run(['backup', 'restore', 'web', ...at], small);
      expect(restored.exitCode).toBe(1);
      await disk.free();
      expect((await root.ok(['list', '-q'], small)).stdout).toBe('');
      expect(existsSync(join(disk.path, 'root/web'))).toBe(false);
    } finally {
      await disk.dispose();
    }
  });

  it('a repository that was copied elsewhere is as good', async () => {
    cpSync(repo, join(dir, 'copy'), { recursive: true });
    const at = ['--repo', join(dir, 'copy'), '--key-file', join(dir, 'key')];
    await root.ok(['backup', 'restore', 'web', ...at, '--as', 'copied']);
    expect(basename(root.layout.containerDir('copied'))).toBe('copied');
    expect(await toldOf(root.layout, 'copied')).toBe(await told(join(dir, 'from')));
    rmSync(join(dir, 'copy'), { recursive: true });
  });
});
