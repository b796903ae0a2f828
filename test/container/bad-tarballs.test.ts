import { randomBytes } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { refused } from '../support/failures.js';
import { smallRoot, temporaryDirectory } from '../support/small-root.js';
import { type TarEntry, tar } from '../support/tar.js';
import { useRoot } from '../support/temp-root.js';

// What each archive is refused for in detail: image-hostile.test.ts. Here: that `create` says it and leaves nothing.
const root = useRoot();

async function file(content: Buffer): Promise<string> {
  const path = join(await temporaryDirectory(), 'rootfs.tar');
  writeFileSync(path, content);
  return path;
}

async function refusedTar(content: Buffer, says: RegExp): Promise<void> {
  await refused(root, ['create', 'box', '--rootfs', await file(content)], { exitCode: 1, says, hint: false });
  expect(readdirSync(join(root.layout.store, 'layers'))).toEqual([]);
  expect((await root.ok(['list', '-q'])).stdout).toBe('');
}

const HOSTILE: readonly (readonly [string, readonly TarEntry[], RegExp])[] = [
  [
    'a name with ..',
    [{ name: 'etc/../../x', content: 'x' }],
    /"etc\/\.\.\/\.\.\/x": .*leads out of the tree/,
  ],
  ['an absolute name', [{ name: '/etc/x', content: 'x' }], /"\/etc\/x": .*absolute/],
  [
    'a file through a link that leads out',
    [
      { name: 'etc', type: '2', link: '/etc' },
      { name: 'etc/planted', content: 'x' },
    ],
    /etc\/planted.*symbolic link/,
  ],
  ['a hard link to the host', [{ name: 'h', type: '1', link: '/etc/shadow' }], /\/etc\/shadow.*absolute/],
];

describe('an archive that create refuses whole', () => {
  test.each(HOSTILE)('%s', async (_, entries, says) => {
    await refusedTar(tar(entries), says);
  });

  test('cut short, as gzip, xz and zstd', async () => {
    const whole = await file(tar([{ name: 'big', content: randomBytes(300_000) }]));
    for (const [program, suffix] of [
      ['gzip', '.gz'],
      ['xz', '.xz'],
      ['zstd', '.zst'],
    ] as const) {
      const { stdout } = await execa(program, ['-c', whole], { encoding: 'buffer' });
      const cut = Buffer.from(stdout).subarray(0, 100_000);
      const path = `${whole}${suffix}`;
      writeFileSync(path, cut);
      const says = new RegExp(`cannot import ${path}: `);
      await refused(root, ['create', 'box', '--rootfs', path], { exitCode: 1, says, hint: false });
      expect(readdirSync(join(root.layout.store, 'layers'))).toEqual([]);
    }
  });

  test.each([
    ['random bytes', randomBytes(10_000)],
    ['a gzip of random bytes', gzipSync(randomBytes(10_000))],
    ['an ELF program', Buffer.from(`\x7fELF${'\0'.repeat(1000)}`)],
    ['text', Buffer.from('this is no archive\n'.repeat(100))],
  ])('%s', async (_, content) => {
    await refusedTar(content, /cannot import .*rootfs\.tar: /);
  });

  test.each([
    ['an empty file', Buffer.alloc(0)],
    ['an archive of nothing', tar([])],
  ])('%s', async (_, content) => {
    const result = await root.run(['create', 'box', '--rootfs', await file(content)]);
    expect([1, 2]).toContain(result.exitCode);
    expect(result.stderr).toMatch(/^Error: cannot import .*rootfs\.tar: /);
  });

  test('a path that is not there, or is neither file nor directory', async () => {
    for (const path of ['/nowhere', '/dev/null']) {
      await refused(root, ['create', 'box', '--rootfs', path], {
        exitCode: 2,
        says: new RegExp(`cannot (use|import) ${path}: `),
        hint: false,
      });
    }
  });
});

test('device nodes stay and cannot be opened inside; overlay attributes are left out, which is said', async () => {
  const from = await smallRoot('#!/bin/sh\nexec sleep 1000\n');
  const base = (await execa('tar', ['-C', from, '-c', '.'], { encoding: 'buffer', maxBuffer: 1 << 26 }))
    .stdout;
  const hostile = tar([
    { name: 'host-disk', type: '4', device: [8, 0], mode: 0o666 },
    { name: 'host-null', type: '3', device: [1, 3], mode: 0o666 },
    { name: 'marked', content: 'x', pax: { 'SCHILY.xattr.user.overlay.whiteout': 'y' } },
    { name: 'opaque', type: '5', pax: { 'SCHILY.xattr.trusted.overlay.opaque': 'y' } },
  ]);
  // One archive after the other, the end mark of the first cut off.
  const end = lastBlock(Buffer.from(base));
  const path = await file(Buffer.concat([Buffer.from(base).subarray(0, end), hostile]));
  const created = await root.ok(['create', 'box', '--rootfs', path]);
  expect(created.stderr).toMatch(/left out user\.overlay\.whiteout of 1 files/);
  expect(created.stderr).toMatch(/left out trusted\.overlay\.opaque of 1 files/);
  await root.ok(['start', 'box']);
  for (const node of ['/host-disk', '/host-null']) {
    const { exitCode, stderr } = await root.run(['exec', 'box', '-T', '--', 'cat', node]);
    expect(exitCode, node).not.toBe(0);
    expect(stderr, node).toMatch(/Permission denied|Operation not permitted/);
  }
  expect(await root.sh('box', 'cat /marked')).toBe('x');
});

function lastBlock(archive: Buffer): number {
  let end = archive.length;
  while (end >= 512 && archive.subarray(end - 512, end).every((byte) => byte === 0)) end -= 512;
  return end;
}
