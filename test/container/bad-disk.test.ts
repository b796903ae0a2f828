import { statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { refused } from '../support/failures.js';
import { loopFilesystem } from '../support/loopfs.js';
import { olderLinux } from '../support/requires.js';
import { smallRoot, temporaryDirectory } from '../support/small-root.js';
import { TestRoot } from '../support/temp-root.js';

const MIB = 1024 * 1024;

async function smallDisk() {
  const disk = await loopFilesystem('ext4', 64 * MIB);
  onTestFinished(() => disk.dispose());
  const root = await TestRoot.create(disk.path);
  onTestFinished(() => root.dispose());
  return { disk, root, freeBytes: () => statfsSync(disk.path).bavail * 4096 };
}

async function mounted(...args: string[]): Promise<TestRoot> {
  const at = await temporaryDirectory();
  await execa('mount', [...args, at]);
  onTestFinished(async () => void (await execa('umount', [at])));
  const root = await TestRoot.create(at);
  onTestFinished(() => root.dispose());
  return root;
}

test('an image that does not fit: create says so, leaves nothing, and the space is free again', async () => {
  const { root, freeBytes } = await smallDisk();
  const rootfs = await smallRoot('#!/bin/sh\n');
  writeFileSync(join(rootfs, 'large'), Buffer.alloc(100 * MIB, 'x'));
  await execa('tar', ['-C', rootfs, '-cf', `${rootfs}/../${root.hash}.tar`, '.']);
  const tar = join(rootfs, '..', `${root.hash}.tar`);
  onTestFinished(async () => void (await execa('rm', ['-f', tar])));
  const before = freeBytes();
  for (const source of [rootfs, tar]) {
    const says = /cannot import .*: .*no space left/;
    await refused(root, ['create', 'box', '--rootfs', source], {
      exitCode: 1,
      says,
      hint: /free some space/,
    });
  }
  expect((await root.ok(['list', '-q'])).stdout).toBe('');
  expect(before - freeBytes()).toBeLessThan(MIB);
  await root.ok(['create', 'box', '--start']);
});

test('a disk that fills up: a running container goes on and stops; start says why it cannot; destroy works', async () => {
  const { disk, root } = await smallDisk();
  await root.ok(['create', 'runs', '--start']);
  await root.ok(['create', 'stopped']);
  await disk.fill();
  const inside = await root.run([
    'exec',
    'runs',
    '-T',
    '--',
    'sh',
    '-c',
    'cat /proc/version >/file; echo full',
  ]);
  expect(inside.stdout).toContain('full');
  expect((await root.ok(['list', '--json'])).stdout).toContain('"running"');
  const start = await root.run(['start', 'stopped']);
  expect(start.exitCode).toBe(1);
  expect(start.stderr).toMatch(/^Error: .*no space left.*\n.*Hint: free some space/is);
  const set = await root.run(['config', 'set', 'stopped', 'Exec.Hostname=other']);
  if (set.exitCode !== 0) expect(set.stderr).toMatch(/^Error: .*no space left/i);
  await root.ok(['stop', 'runs']);
  expect([...root.traces()].filter((trace) => !trace.startsWith('file '))).toEqual([]);
  await root.ok(['destroy', '--force', 'runs', 'stopped']);
});

test('a read-only state root: what only reads works, the rest says why not; a running container can be stopped', async () => {
  const { disk, root } = await smallDisk();
  await root.ok(['create', 'box']);
  await disk.remount('ro');
  onTestFinished(() => disk.remount('rw'));
  for (const args of [['list'], ['info', 'box'], ['config', 'show', 'box'], ['start', 'box', '--dry-run']]) {
    expect((await root.ok(args)).stderr, args.join(' ')).toBe('');
  }
  for (const args of [
    ['create', 'other'],
    ['start', 'box'],
    ['destroy', 'box'],
    ['rename', 'box', 'other'],
    ['config', 'set', 'box', 'Exec.Hostname=x'],
  ]) {
    await refused(root, args, { exitCode: 1, says: /cannot .*read-only/, hint: /--root|writable/ });
  }
});

test('a state root on tmpfs is like any other; kernels before 6.3, which cannot id-map one: a clear word', async () => {
  const root = await mounted('-t', 'tmpfs', 'tsct-test');
  if (olderLinux('6.3', '')) {
    const create = await root.run(['create', 'box']);
    expect(create.exitCode, create.stderr).toBe(5);
    expect(create.stderr).toMatch(/cannot be id-mapped/);
    return;
  }
  await root.ok(['create', 'box', '--start']);
  expect(await root.sh('box', 'echo kept >/file; chown 7:8 /file; stat -c %u:%g /file')).toBe('7:8');
  await root.ok(['restart', 'box']);
  expect(await root.sh('box', 'cat /file')).toBe('kept');
});

test('a state root on an overlay, which can carry none: a plain directory, or a clear word', async () => {
  const base = await temporaryDirectory();
  await execa('mount', ['-t', 'tmpfs', 'tsct-test', base]);
  onTestFinished(async () => void (await execa('umount', [base])));
  await execa('mkdir', ['-p', `${base}/l`, `${base}/u`, `${base}/w`]);
  const root = await mounted(
    '-t',
    'overlay',
    '-o',
    `lowerdir=${base}/l,upperdir=${base}/u,workdir=${base}/w`,
    'none',
  );
  const { exitCode, stderr } = await root.run(['create', 'box']);
  if (exitCode === 0) {
    const { root: made } = (await root.ok(['info', 'box', '--json'])).json<{ root: { driver: string } }>();
    expect(made.driver).toBe('dir');
    const start = await root.run(['start', 'box']);
    if (start.exitCode !== 0) {
      expect(start.exitCode, start.stderr).toBe(5);
      expect(start.stderr).toMatch(/cannot be id-mapped/);
    }
  } else {
    expect(exitCode, stderr).toBe(5);
    expect(stderr).toMatch(/cannot be id-mapped/);
  }
});

test('a state root that cannot be one: a file, below a file, not there', async () => {
  const at = await temporaryDirectory();
  writeFileSync(join(at, 'file'), '');
  const root = await TestRoot.create();
  onTestFinished(() => root.dispose());
  for (const path of ['file', 'file/below']) {
    const result = await root.run(['create', 'box', '--root', join(at, path)]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/^Error: cannot .*file/);
    expect((await root.run(['list', '--root', join(at, path)])).stderr).not.toMatch(/bug in tsct/);
  }
  expect((await root.ok(['list', '-q', '--root', join(at, 'nowhere')])).stdout).toBe('');
});
