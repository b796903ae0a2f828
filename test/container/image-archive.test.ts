import { existsSync, lstatSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { programPath } from '../../src/supervisor/programs.js';
import { loopFilesystem } from '../support/loopfs.js';
import { MAKE_TREE, toldTree } from '../support/told-tree.js';

let dir: string;
let from: string;

beforeAll(async () => {
  dir = await mkdtemp(join(process.env['TSCT_TEST_DIR'] ?? '/var/tmp', 'tsct-archive-'));
  from = join(dir, 'from');
  await mkdir(from);
  await execa('bash', ['-ec', MAKE_TREE], { cwd: from });
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  await rm(join(dir, 'to'), { recursive: true, force: true });
  await mkdir(join(dir, 'to'));
});

/** And where the file system put blocks. */
async function told(tree: string): Promise<string> {
  const script = "find . -type f -size +64k -printf '%P %b blocks\\n' | sort";
  return (await toldTree(tree)) + (await execa('bash', ['-c', script], { cwd: tree })).stdout;
}

const archive = programPath('tsct-archive');

describe('a tree comes through whole', () => {
  test('the source has what it should prove', async () => {
    const all = await told(from);
    for (const part of [
      'cap_net_raw=ep',
      'user:4711:rw-',
      'user.bin=',
      'security.capability',
      'setid f 6755 0 42',
    ])
      expect(all).toContain(part);
    expect(lstatSync(join(from, 'hole')).blocks).toBeLessThan(100);
  });

  test('by copy', async () => {
    const { stdout } = await execa(archive, ['copy', from, join(dir, 'to')]);
    expect(await told(join(dir, 'to'))).toBe(await told(from));
    const { stdout: again } = await execa(archive, ['digest', join(dir, 'to')]);
    expect(JSON.parse(again).id).toBe(JSON.parse(stdout).id);
    expect(JSON.parse(stdout)).toMatchObject({ devices: 2, stripped: [], foreignOwners: 0 });
  });

  test.each(['cat', 'gzip', 'bzip2', 'xz', 'zstd'])('by pack, %s and unpack', async (program) => {
    await execa('bash', [
      '-c',
      `"$0" pack "$1" --as . | ${program} | "$0" unpack --into "$2"`,
      archive,
      from,
      join(dir, 'to'),
    ]);
    // A pack that goes by bytes knows no holes inside blocks: compare all but where the file system put blocks.
    expect(await told(join(dir, 'to'))).toBe(await told(from));
  });

  test.each(['gnu', 'pax'])('from GNU tar, format %s', async (format) => {
    const keeps = format === 'pax' ? ['--xattrs', '--xattrs-include=*', '--acls', '--selinux'] : [];
    const options = ['--sparse', '--numeric-owner', `--format=${format}`, ...keeps];
    const tar = join(dir, `${format}.tar`);
    await execa('tar', [...options, '-C', from, '-cf', tar, '.']);
    await execa(archive, ['unpack', '--into', join(dir, 'to'), tar]);
    const [to, source] = [await told(join(dir, 'to')), await told(from)];
    // GNU's own format has whole seconds and no attributes.
    const plain = (text: string) =>
      text
        .replaceAll(/\.\d{10}$/gm, '')
        .split('\n')
        .filter((l) => / [fdlpcb] \d+ /.test(l));
    if (format === 'pax') expect(to).toBe(source);
    else expect(plain(to)).toEqual(plain(source));
  });

  test('to GNU tar', async () => {
    await execa('bash', [
      '-c',
      '"$0" pack "$1" --as . | tar --xattrs --xattrs-include=* --acls --numeric-owner -C "$2" -xpf -',
      archive,
      from,
      join(dir, 'to'),
    ]);
    const lines = (text: string) => text.split('\n').filter((line) => !/ hole|zeros| abs2? /.test(line));
    expect(lines(await told(join(dir, 'to'))).slice(0, 20)).toEqual(lines(await told(from)).slice(0, 20));
  });
});

describe('the digest of a tree', () => {
  test('is another after any change, and the same for written and unwritten zeros', async () => {
    const to = join(dir, 'to');
    const digest = async () => JSON.parse((await execa(archive, ['digest', to])).stdout).id as string;
    await execa(archive, ['copy', from, to]);
    const ids = [await digest()];
    const fill = 'cp -a hole mark; fallocate -l 50M hole; touch -r mark hole; rm mark; touch -d 2002-01-01 .';
    await execa('sh', ['-c', fill], { cwd: to });
    expect(await digest()).toBe(ids[0]);
    for (const change of [
      'chmod 711 empty',
      'chown 9 zero',
      'setfattr -n user.n -v 1 other',
      'printf y | dd of=zeros bs=1 seek=69999 conv=notrunc status=none',
      'touch -d 2020-01-01 big',
      'rm abs2',
    ]) {
      await execa('sh', ['-c', `T=$(stat -c %y zeros); ${change}; touch -d "$T" zeros`], { cwd: to });
      const id = await digest();
      expect(ids, change).not.toContain(id);
      ids.push(id);
    }
  });
});

describe('what is mounted below a tree', () => {
  test('is not copied and said', async () => {
    const tree = join(dir, 'mounted');
    await mkdir(join(tree, 'proc'), { recursive: true });
    await writeFile(join(tree, 'file'), 'x');
    await execa('mount', ['-t', 'proc', 'proc', join(tree, 'proc')]);
    try {
      const { stdout } = await execa(archive, ['copy', tree, join(dir, 'to')]);
      expect(JSON.parse(stdout).skippedMounts).toEqual(['proc']);
      expect(existsSync(join(dir, 'to/proc'))).toBe(true);
      expect(existsSync(join(dir, 'to/proc/self'))).toBe(false);
    } finally {
      await execa('umount', [join(tree, 'proc')]);
    }
  });
});

describe('on a file system that shares blocks', () => {
  test.each(['btrfs', 'xfs'] as const)('%s: a copy takes none', async (type) => {
    const disk = await loopFilesystem(type, 400 << 20);
    try {
      await mkdir(join(disk.path, 'a'));
      await mkdir(join(disk.path, 'b'));
      await execa('sh', ['-c', 'head -c 100M /dev/urandom >a/big; echo x >a/small'], { cwd: disk.path });
      await execa(archive, ['copy', join(disk.path, 'a'), join(disk.path, 'b')]);
      await execa('cmp', [join(disk.path, 'a/big'), join(disk.path, 'b/big')]);
      await execa('sync', ['-f', disk.path]);
      const { stdout } = await execa('df', ['--output=used', '-BM', disk.path]);
      expect(Number.parseInt(stdout.split('\n')[1] ?? '', 10)).toBeLessThan(190);
    } finally {
      await disk.dispose();
    }
  });
});

describe('into a target, as cp does', () => {
  const cp = (source: string, target: string) =>
    execa('bash', ['-c', '"$0" pack "$1" | "$0" unpack --target "$2"', archive, source, target], {
      reject: false,
    });
  test('that is a directory: under its own name', async () => {
    await cp(join(from, 'd'), join(dir, 'to'));
    expect(existsSync(join(dir, 'to/d/file'))).toBe(true);
    await cp(join(from, 'other'), join(dir, 'to'));
    expect(lstatSync(join(dir, 'to/other')).isFile()).toBe(true);
    expect(lstatSync(join(dir, 'to')).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
  });
  test('that is not there: as that name; one whose parent is missing is an error', async () => {
    await cp(join(from, 'd'), join(dir, 'to/new'));
    expect(existsSync(join(dir, 'to/new/again'))).toBe(true);
    expect(lstatSync(join(dir, 'to/new/again')).ino).toBe(lstatSync(join(dir, 'to/new/file')).ino);
    await cp(join(from, 'big'), join(dir, 'to/file'));
    expect(lstatSync(join(dir, 'to/file')).size).toBe(300_000);
    expect((await cp(from, join(dir, 'to/no/where'))).stderr).toContain('"errno":2');
    expect((await cp(join(from, 'big'), join(dir, 'to/slash/'))).stderr).toContain('no such directory');
  });
});
