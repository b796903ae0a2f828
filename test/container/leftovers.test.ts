import { copyFileSync, mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { leftOver } from '../support/leftovers.js';
import { TestRoot } from '../support/temp-root.js';

// The check after every other test is worth nothing if it is blind: each kind of thing is planted and must be seen.
async function planted(plant: (root: TestRoot) => Promise<() => Promise<unknown> | unknown>) {
  const root = await TestRoot.create();
  onTestFinished(() => root.dispose());
  const before = root.traces();
  const takeAway = await plant(root);
  const seen = leftOver(before, root.traces());
  await takeAway();
  expect(leftOver(before, root.traces()), 'once taken away').toEqual([]);
  return seen;
}

test('sees a mount', async () => {
  const seen = await planted(async (root) => {
    const at = join(root.path, '.mnt');
    mkdirSync(at);
    await execa('mount', ['-t', 'tmpfs', 'planted', at]);
    return async () => {
      await execa('umount', [at]);
      rmdirSync(at);
    };
  });
  expect(seen).toContainEqual(expect.stringMatching(/^mount .*\.mnt/));
});

test('sees a cgroup', async () => {
  const { stdout } = await execa('findmnt', ['-n', '-o', 'TARGET', '-t', 'cgroup2']);
  const top = join(stdout.split('\n')[0] ?? '', `tsct-planted-${process.pid}`);
  const seen = await planted(async (root) => {
    const cgroup = join(top, root.layout.key('planted'));
    mkdirSync(cgroup, { recursive: true });
    return () => {
      rmdirSync(cgroup);
      rmdirSync(top);
    };
  });
  expect(seen).toEqual([expect.stringMatching(/^cgroup /)]);
});

test('sees a process', async () => {
  const seen = await planted(async (root) => {
    const program = join(root.path, 'tsct-planted');
    copyFileSync('/bin/sleep', program);
    const sleeper = execa(program, ['60'], { reject: false, env: { TSCT_ROOT: root.path } });
    await new Promise((resolve) => sleeper.once('spawn', resolve));
    return async () => {
      sleeper.kill('SIGKILL');
      await sleeper;
      rmSync(program);
    };
  });
  expect(seen).toContainEqual(expect.stringMatching(/^process \d+ /));
});

test('sees a run directory and a file in the root', async () => {
  const seen = await planted(async (root) => {
    const run = root.layout.runDir('planted');
    mkdirSync(run, { recursive: true });
    mkdirSync(join(root.path, 'planted'));
    return () => {
      rmdirSync(run);
      rmdirSync(join(root.path, 'planted'));
    };
  });
  expect(seen).toEqual([expect.stringMatching(/^file /), expect.stringMatching(/^run directory /)]);
});
