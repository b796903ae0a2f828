import { existsSync, lstatSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, onTestFinished } from 'vitest';
import { programPath } from '../../src/supervisor/programs.js';
import { liveCopy, treeWriter } from '../support/live-copy.js';
import { loopFilesystem } from '../support/loopfs.js';
import { noFilesystem, testNeeding } from '../support/requires.js';
import { MAKE_TREE, toldTree } from '../support/told-tree.js';

const COPY = programPath('tsct-copy');

async function disk(type: 'ext4' | 'btrfs' | 'xfs') {
  const made = await loopFilesystem(type, 400 << 20);
  onTestFinished(() => made.dispose());
  const [from, to] = [join(made.path, 'from'), join(made.path, 'to')];
  for (const one of [from, to]) mkdirSync(one);
  return { path: made.path, from, to };
}

for (const type of ['ext4', 'btrfs', 'xfs'] as const) {
  const test = testNeeding(noFilesystem(type));

  test(`${type}: a copy has everything, and shares blocks where it can`, async () => {
    const { from, to } = await disk(type);
    await execa('bash', ['-ec', MAKE_TREE], { cwd: from });
    await execa('setfattr', ['-n', 'user.overlay.opaque', '-v', 'y', join(from, 'd')]);
    const { copiedBytes, clonedBytes } = JSON.parse((await execa(COPY, ['tree', from, to])).stdout);
    expect(await toldTree(to)).toBe(await toldTree(from));
    expect(statSync(join(to, 'hole')).blocks).toBeLessThan(200);
    if (type === 'ext4') expect(clonedBytes).toBe(0);
    else expect(copiedBytes).toBe(0);
    await execa(COPY, ['remove', to]);
    mkdirSync(to);
    const never = JSON.parse((await execa(COPY, ['tree', '--reflink=never', from, to])).stdout);
    expect(never.clonedBytes).toBe(0);
    expect(never.copiedBytes).toBeGreaterThan(370_000);
    expect(await toldTree(to)).toBe(await toldTree(from));
  });

  test(`${type}: a live copy is the state at which the writer was stopped`, async () => {
    const { from, to } = await disk(type);
    const writer = await treeWriter(['churn', from]);
    try {
      expect(await writer.hear()).toBe('going');
      await setTimeout(100);
      for (let i = 0; i < 4; i++) {
        const copy = liveCopy(from, to);
        expect(JSON.parse(await copy.hear()).event).toBe('ready');
        writer.stop();
        const told = await toldTree(from);
        expect(await toldTree(to)).not.toBe(told);
        copy.say('final');
        expect(JSON.parse(await copy.hear()).event).toBe('same');
        expect(JSON.parse(await copy.hear()).event).toBe('done');
        expect(await copy.exit).toBe(0);
        expect(await toldTree(to)).toBe(told);
        writer.process.kill('SIGCONT');
        await execa(COPY, ['remove', to]);
        mkdirSync(to);
      }
    } finally {
      await writer.kill();
    }
  });
}

testNeeding(noFilesystem('btrfs'))(
  'btrfs: subvolumes are made, snapshotted, and removed with those in them',
  async () => {
    const { path } = await disk('btrfs');
    const at = (name: string) => join(path, name);
    const subvolume = (...words: string[]) => execa(COPY, ['subvolume', ...words], { reject: false });
    for (const name of ['a', 'a/n', 'a/n/m']) expect((await subvolume('create', at(name))).exitCode).toBe(0);
    expect(lstatSync(at('a'))).toMatchObject({ ino: 256, mode: 0o40755 });
    for (const name of ['a/f', 'a/n/f', 'a/n/m/f']) writeFileSync(at(name), 'x');
    expect((await subvolume('snapshot', at('a'), at('s'))).exitCode).toBe(0);
    expect((await subvolume('snapshot', '--readonly', at('a'), at('r'))).exitCode).toBe(0);
    writeFileSync(at('s/f'), 'changed');
    expect(() => writeFileSync(at('r/f'), 'x')).toThrow('EROFS');
    expect(JSON.parse((await subvolume('create', at('a'))).stderr)).toMatchObject({ errno: 17 });
    expect(JSON.parse((await subvolume('snapshot', at('from'), at('t'))).stderr)).toMatchObject({
      target: at('from'),
      detail: 'it is no subvolume',
    });
    const { stdout } = await execa(COPY, ['remove', at('a'), at('r'), at('s')]);
    expect(JSON.parse(stdout)).toMatchObject({ subvolumes: 5 });
    expect(readdirSync(path).toSorted()).toEqual(['from', 'to']);
    expect(existsSync(at('a'))).toBe(false);
  },
);

/** The job that comes by each point. */
const POINTS: Record<string, (at: (name: string) => string) => readonly string[]> = {
  'copy.half': (at) => ['tree', at('from'), at('to')],
  'copy.live-ready': (at) => ['live', at('from'), at('to')],
  'copy.live-final': (at) => ['live', at('from'), at('to')],
  'copy.live-same': (at) => ['live', at('from'), at('to')],
  'remove.half': (at) => ['remove', at('from')],
  'subvolume.made': (at) => ['subvolume', 'create', at('made')],
};

testNeeding(noFilesystem('btrfs'))(
  'it dies at each of its fault points, and nowhere when there is none',
  async () => {
    const { path } = await disk('btrfs');
    const at = (name: string) => join(path, name);
    expect((await execa(COPY, ['--fault-points'])).stdout.split('\n')).toEqual(Object.keys(POINTS));
    for (const [point, words] of Object.entries(POINTS)) {
      for (const env of [{ TSCT_FAULT: point }, { TSCT_FAULT: 'other' }]) {
        await execa(COPY, ['remove', at('from'), at('to'), at('made')]);
        for (const name of ['from', 'to']) mkdirSync(at(name));
        for (const name of ['a', 'b']) writeFileSync(at(`from/${name}`), name);
        const { signal, exitCode } = await execa(COPY, words(at), { env, input: 'final\n', reject: false });
        expect(signal ?? exitCode, point).toBe(env.TSCT_FAULT === point ? 'SIGKILL' : 0);
      }
    }
  },
);
