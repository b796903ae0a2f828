import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ArchiveSummary } from '../../src/image/archive.js';
import { programPath } from '../../src/supervisor/programs.js';
import { testStore } from '../support/image-store.js';
import { loopFilesystem } from '../support/loopfs.js';
import { type TarEntry, tar, tarEntry } from '../support/tar.js';

let dir: string;
let into: string;
/** What a hostile archive wants to reach. */
let outside: string;

beforeEach(async () => {
  dir = await mkdtemp(join(process.env['TSCT_TEST_DIR'] ?? '/var/tmp', 'tsct-hostile-'));
  into = join(dir, 'a/b/into');
  outside = join(dir, 'outside');
  await mkdir(into, { recursive: true });
  await mkdir(outside);
  await writeFile(join(outside, 'secret'), 'secret', { mode: 0o600 });
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

interface Failure {
  readonly target: string;
  readonly detail: string;
  readonly call: string;
}

function unpack(bytes: Buffer, ...flags: string[]): { summary?: ArchiveSummary; failure?: Failure } {
  const args = [...flags, 'unpack', '--into', into];
  const result = spawnSync(programPath('tsct-archive'), args, { input: bytes, maxBuffer: 1 << 26 });
  expect(result.signal).toBeNull();
  if (result.status === 0) return { summary: JSON.parse(String(result.stdout)) };
  return { failure: JSON.parse(String(result.stderr)) };
}

function refused(entries: readonly TarEntry[], name: string, why: RegExp): void {
  const { failure } = unpack(tar(entries));
  expect(failure?.target).toBe(name);
  expect(failure?.detail).toMatch(why);
}

/** Nothing outside was written, linked, or changed in mode, owner or time. */
async function outsideIsAsBefore(): Promise<void> {
  expect(await readdir(outside)).toEqual(['secret']);
  expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
  expect(await readdir(dir)).toEqual(['a', 'outside']);
  expect(await readdir(join(dir, 'a/b'))).toEqual(['into']);
  const { mode, nlink, uid } = lstatSync(join(outside, 'secret'));
  expect({ mode: mode & 0o7777, nlink, uid }).toEqual({ mode: 0o600, nlink: 1, uid: 0 });
}

describe('a name that leads out of the tree is refused', () => {
  test.each([
    ['../x', /leads out of the tree/],
    ['a/../../x', /leads out of the tree/],
    ['a/..', /leads out of the tree/],
    ['/etc/x', /absolute/],
    ['//x', /absolute/],
  ])('%s', async (name, why) => {
    refused([{ name, content: 'x' }], name, why);
    expect(await readdir(into)).toEqual([]);
    await outsideIsAsBefore();
  });
  test('in a pax header', () => {
    refused([{ name: 'x', content: 'x', pax: { path: '../../x' } }], '../../x', /leads out/);
  });
});

describe('a link that an earlier entry made is never walked through', () => {
  const ways: [string, (target: string) => TarEntry[]][] = [
    ['to write a file', () => [{ name: 'l/x', content: 'x' }]],
    ['to make a directory', () => [{ name: 'l/x', type: '5' }]],
    ['to make a link', () => [{ name: 'l/x', type: '2', link: 'y' }]],
    ['to make a node', () => [{ name: 'l/x', type: '6' }]],
    ['deeper down', () => [{ name: 'l/x/y/z', content: 'x' }]],
  ];
  test.each(ways)('%s', async (_, more) => {
    for (const link of [outside, '../../../outside', '.']) {
      const entries: TarEntry[] = [{ name: 'l', type: '2', link }, ...more(link)];
      const { failure } = unpack(tar(entries));
      expect(failure?.detail).toMatch(/symbolic link/);
      await outsideIsAsBefore();
      await rm(join(into, 'l'));
    }
  });
  test('to reach a file with a hard link', async () => {
    refused(
      [
        { name: 'l', type: '2', link: outside },
        { name: 'h', type: '1', link: 'l/secret' },
      ],
      'h',
      /behind a symbolic link/,
    );
    await outsideIsAsBefore();
  });
  test('to change what it leads to: the entry of the same name takes its place', async () => {
    unpack(
      tar([
        { name: 'l', type: '2', link: join(outside, 'secret') },
        { name: 'l', content: 'mine', mode: 0o4777, uid: 1000 },
        { name: 'd', type: '2', link: outside },
        { name: 'd', type: '5', mode: 0o777, uid: 1000 },
      ]),
    );
    expect(lstatSync(join(into, 'l')).isFile()).toBe(true);
    expect(lstatSync(join(into, 'd')).isDirectory()).toBe(true);
    await outsideIsAsBefore();
  });
  test('at the end, when directories get their modes and times', async () => {
    unpack(
      tar([
        { name: 'd', type: '5', mode: 0o777, uid: 1000 },
        { name: 'd', type: '2', link: outside },
      ]),
    );
    expect(lstatSync(join(into, 'd')).isSymbolicLink()).toBe(true);
    expect(lstatSync(outside).uid).toBe(0);
    await outsideIsAsBefore();
  });
});

describe('a hard link', () => {
  test.each([
    ['../../../outside/secret', /leads out/],
    ['/etc/passwd', /absolute/],
  ])('to %s is refused', async (link, why) => {
    refused([{ name: 'h', type: '1', link }], link, why);
    await outsideIsAsBefore();
  });
  test('to what is not in the archive is refused', () => {
    refused([{ name: 'h', type: '1', link: 'gone/file' }], 'h', /gone\/file is not in the tree/);
    expect(existsSync(join(into, 'gone'))).toBe(false);
  });
  test('to a symbolic link is one to the link itself', async () => {
    const { summary } = unpack(
      tar([
        { name: 'l', type: '2', link: join(outside, 'secret') },
        { name: 'h', type: '1', link: 'l' },
      ]),
    );
    expect(summary?.entries).toBe(2);
    expect(lstatSync(join(into, 'h')).isSymbolicLink()).toBe(true);
    await outsideIsAsBefore();
  });
  test('that brings content writes none through the link', async () => {
    unpack(
      tar([
        { name: 'f', content: 'first' },
        { name: 'h', type: '1', link: 'f', content: 'other', pax: { comment: 'x' } },
        { name: 'after', content: 'a' },
      ]),
    );
    expect(readFileSync(join(into, 'f'), 'utf8')).toBe('first');
    expect(readFileSync(join(into, 'after'), 'utf8')).toBe('a');
  });
});

describe('attributes that a container must not bring are left out and counted', () => {
  const names = ['trusted.overlay.opaque', 'user.overlay.redirect', 'trusted.mine', 'security.selinux'];
  const pax = Object.fromEntries([...names, 'user.kept'].map((name) => [`SCHILY.xattr.${name}`, 'y']));
  test('from a tar, on a file and on a directory', async () => {
    const { summary } = unpack(
      tar([
        { name: 'f', content: 'f', pax },
        { name: 'd', type: '5', pax },
      ]),
    );
    expect(summary?.stripped).toEqual(names.toSorted().map((name) => ({ name, count: 2 })));
    for (const path of ['f', 'd']) expect(await attributes(path)).toEqual(['user.kept']);
  });
  test('from a directory', async () => {
    const from = join(dir, 'from');
    await mkdir(from);
    await writeFile(join(from, 'f'), '');
    for (const name of [...names.filter((name) => !name.startsWith('security')), 'user.kept'])
      await execa('setfattr', ['-n', name, '-v', 'y', join(from, 'f')]);
    const { stdout } = await execa(programPath('tsct-archive'), ['copy', from, into]);
    expect(JSON.parse(stdout).stripped.map((one: { name: string }) => one.name)).toEqual(
      names.filter((name) => !name.startsWith('security')).toSorted(),
    );
    expect(await attributes('f')).toEqual(['user.kept']);
  });
  async function attributes(path: string): Promise<string[]> {
    const { stdout } = await execa('getfattr', ['-m', '-', join(into, path)]);
    return stdout.split('\n').filter((line) => /^[a-z]+\./.test(line));
  }
});

describe('what a guest must not give its host', () => {
  test('set-id bits, capabilities and nodes go with --drop-privileges', () => {
    const { summary } = unpack(
      tar([
        { name: 's', content: 's', mode: 0o6755 },
        { name: 'n', type: '3', device: [1, 3], mode: 0o666 },
        {
          name: 'c',
          content: 'c',
          pax: {
            'SCHILY.xattr.security.capability': Buffer.from(
              '0100000200040000000000000000000000000000',
              'hex',
            ),
          },
        },
      ]),
      '--drop-privileges',
    );
    expect(lstatSync(join(into, 's')).mode & 0o7777).toBe(0o755);
    expect(existsSync(join(into, 'n'))).toBe(false);
    expect(summary?.stripped.map(({ name }) => name)).toEqual([
      'device node',
      'security.capability',
      'set-id',
    ]);
  });
});

describe('an archive that is not whole is refused', () => {
  const whole = tar([
    { name: 'a', content: 'a'.repeat(5000) },
    { name: 'b', content: '\0'.repeat(4096) },
  ]);
  const firstEntry = tarEntry({ name: 'a', content: 'a'.repeat(5000) }).length;
  test.each([
    ['in a header', firstEntry + 100],
    ['in a content', 3000],
    ['between two entries', firstEntry],
    ['after a content that looks like an end mark', whole.length - 1024],
    ['before anything', 0],
  ])('cut %s', (_, length) => {
    const { failure } = unpack(whole.subarray(0, length));
    expect(failure?.detail).toMatch(/truncated|empty/i);
  });
  test.each(['gzip', 'bzip2', 'xz', 'zstd'])('%s cut before its own end', async (program) => {
    const { stdout } = await execa(program, ['-c'], { input: whole, encoding: 'buffer' });
    const packed = Buffer.from(stdout);
    expect(unpack(packed).summary?.entries).toBe(2);
    for (const less of [1, 4, packed.length >> 1]) {
      expect(unpack(packed.subarray(0, packed.length - less)).failure, `${less} bytes less`).toBeDefined();
    }
  });
  test('gzip whose checksum is wrong, or that something else follows', () => {
    const packed = gzipSync(whole);
    const wrong = Buffer.from(packed);
    wrong[packed.length - 6] = (wrong[packed.length - 6] ?? 0) ^ 0xff;
    expect(unpack(wrong).failure?.detail).toMatch(/incorrect data check/);
    expect(unpack(Buffer.concat([packed, Buffer.from('junk')])).failure?.detail).toMatch(/no gzip/);
    expect(unpack(Buffer.concat([packed, Buffer.alloc(1000)])).summary?.entries).toBe(2);
  });
  test('gzip in several members is one stream', () => {
    const two = Buffer.concat([gzipSync(whole.subarray(0, 1000)), gzipSync(whole.subarray(1000))]);
    expect(unpack(two).summary).toEqual(unpack(whole).summary);
  });
  test('cut in what comes after its end mark', () => {
    const packed = gzipSync(Buffer.concat([whole, randomBytes(1 << 20)]));
    expect(unpack(packed).summary?.entries).toBe(2);
    expect(unpack(packed.subarray(0, packed.length - 9)).failure?.detail).toMatch(/truncated/);
  });
  test('random bytes', () => {
    expect(unpack(Buffer.alloc(100_000, 'no tar at all')).failure?.detail).toBeTruthy();
  });
});

describe('odd names and sizes', () => {
  test('names that are not UTF-8 come through byte for byte, by ustar and by pax', async () => {
    const name = Buffer.from([0x66, 0xff, 0xe9, 0x67]);
    const pax = Buffer.from([0x70, 0xfe, 0x71]);
    unpack(tar([{ name, content: 'x' }]));
    unpack(tar([{ name: 'x', content: 'x', pax: { hdrcharset: 'BINARY', path: pax } }]));
    const found = await readdir(into, { encoding: 'buffer' });
    expect(found.map((one) => one.toString('hex')).sort()).toEqual(
      [name, pax].map((one) => one.toString('hex')).sort(),
    );
  });
  test('names with a newline, a quote and UTF-8', async () => {
    const names = ['a\nb', 'q"\'\\', 'ü🐧'];
    unpack(tar(names.map((name) => ({ name, content: 'x' }))));
    expect((await readdir(into)).sort()).toEqual(names.toSorted());
  });
  test('a component of 255 bytes is taken, one of 256 refused by the file system', () => {
    const long = 'n'.repeat(255);
    expect(unpack(tar([{ name: 'x', pax: { path: long } }])).summary?.entries).toBe(1);
    expect(unpack(tar([{ name: 'x', pax: { path: `${long}n` } }])).failure?.call).toBe('openat');
  });
  test('a path of 5,000 bytes and one of 1,000,000 are errors, not crashes', () => {
    for (const count of [2500, 500_000]) {
      const { failure } = unpack(tar([{ name: 'x', pax: { path: `${'d/'.repeat(count)}f` } }]));
      expect(failure).toBeDefined();
    }
  });
  test('empty files and empty directories', () => {
    unpack(tar([{ name: 'f' }, { name: 'd/', type: '5', mode: 0o700 }]));
    expect(lstatSync(join(into, 'f')).size).toBe(0);
    expect(lstatSync(join(into, 'd')).mode & 0o7777).toBe(0o700);
  });
  test('a hole of 8 TiB costs nothing', async () => {
    const size = String(2 ** 43);
    const pax = {
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': 's',
      'GNU.sparse.realsize': size,
    };
    const map = Buffer.alloc(512);
    map.write(`1\n${size}\n0\n`);
    unpack(tar([{ name: 's', content: map, pax }]));
    expect(lstatSync(join(into, 's'))).toMatchObject({ size: 2 ** 43, blocks: 0 });
  });
  test('an entry without a name, an owner that is none', () => {
    expect(unpack(tar([{ name: '.', content: 'x' }])).failure?.detail).toMatch(/no name/);
    expect(unpack(tar([{ name: 'x', pax: { uid: '4294967295' } }])).failure?.detail).toMatch(/no id/);
  });
  test('a directory that is not empty is not replaced by a file', () => {
    refused(
      [
        { name: 'd/f', content: 'x' },
        { name: 'd', content: 'x' },
      ],
      'd',
      /not empty/,
    );
  });
});

test('a full disk is said, and leaves nothing', async () => {
  const disk = await loopFilesystem('ext4', 16 << 20);
  const store = await testStore(disk.path);
  try {
    await writeFile(join(dir, 'big.tar'), tar([{ name: 'big', content: Buffer.alloc(32 << 20, 'x') }]));
    await expect(store.importRootfs(join(dir, 'big.tar'))).rejects.toMatchObject({
      code: 'TSCT_ARCHIVE_FAILED',
      message: expect.stringContaining('no space left'),
      hint: expect.stringContaining('--root'),
    });
    expect(await readdir(join(disk.path, '.store/layers'))).toEqual([]);
  } finally {
    await disk.dispose();
  }
});
