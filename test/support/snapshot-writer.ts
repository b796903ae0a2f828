import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { programPath } from '../../src/supervisor/programs.js';
import { chance } from './chance.js';
import { type Talking, treeWriter } from './live-copy.js';
import { stackOf } from './stored-root.js';
import { SLOWNESS, type TestRoot, until } from './temp-root.js';
import { CHECKOUT } from './tsct.js';

const WRITER = '/srv/writer';
/** A step is several calls: what it is at work on may be between two of them. */
const TEMPORARY = /^(step|db-journal|.*\.new)$/;

/**
 * A test, in the caller's `describe`, that snapshots of a guest that writes at full speed are states that existed.
 * @param create makes the container `box`. @param snapshots how many are taken.
 * @param show has the trees of a snapshot be there, where a driver does not have them there all the time.
 */
export function testSnapshotsOfWriter(
  root: TestRoot,
  create: () => Promise<unknown>,
  snapshots: number,
  show: (snapshot: string) => Promise<unknown> = async () => {},
): void {
  let replays: string;
  let replay: Talking;

  beforeEach(async () => {
    replays = mkdtempSync(join(root.path, '.replay-'));
    replay = await treeWriter(['replay', replays]);
    expect(await replay.hear()).toBe('going');
    await create();
    await root.ok(['start', 'box']);
    await root.ok(['cp', join(CHECKOUT, 'native/build/tree-writer'), `box:${WRITER}`]);
    await root.sh('box', `mkdir /srv/d; ${WRITER} churn /srv/d >/srv/said 2>&1 &`);
    await until('it writes', async () => (await root.sh('box', 'cat /srv/said')) === 'going');
  });

  afterEach(async () => {
    await replay.kill();
    rmSync(replays, { recursive: true });
  });

  /** Paths that are not as any moment had them. */
  async function tornPaths(tree: string): Promise<string[]> {
    const step = readFileSync(join(tree, 'step')).readBigUInt64LE();
    const at = async (n: bigint) => {
      replay.say(String(n));
      expect(await replay.hear()).toBe('at');
      return contentsOf(replays);
    };
    const [before, after, found] = [await at(step), await at(step + 1n), contentsOf(tree)];
    // What the step changes may be half done: all else is as it was before and is after.
    return [...new Set([...before.keys(), ...found.keys()])].filter(
      (path) =>
        !TEMPORARY.test(path) && before.get(path) === after.get(path) && before.get(path) !== found.get(path),
    );
  }

  const patience = (60_000 + snapshots * 20_000) * SLOWNESS;
  test('each snapshot is a state that existed; a copy that did not stand still is none', {
    timeout: patience,
  }, async () => {
    const random = chance();
    for (let n = 0; n < snapshots; n++) {
      await setTimeout(random() * 300);
      await root.ok(['snapshot', 'create', 'box', `s${n}`]);
    }
    const copies = Array.from({ length: 5 }, () => mkdtempSync(join(root.path, '.copy-')));
    const { upper = '' } = await stackOf(root, 'box');
    for (const copy of copies)
      await execa(programPath('tsct-copy'), ['tree', root.layout.layerTree(upper), copy]);
    await root.ok(['stop', '--kill', 'box']);
    for (let n = 0; n < snapshots; n++) {
      await show(`s${n}`);
      const copied = (await stackOf(root, `box@s${n}`)).layers.at(-1) ?? '';
      expect(await tornPaths(join(root.layout.layerTree(copied), 'srv/d')), `snapshot ${n}`).toEqual([]);
    }
    const torn: string[] = [];
    for (const copy of copies) {
      torn.push(...(await tornPaths(join(copy, 'srv/d'))));
      rmSync(copy, { recursive: true });
    }
    expect(torn, 'without standing still').not.toEqual([]);
  });
}

/** Path → type, mode, owner and content of all that is in a tree. */
function contentsOf(tree: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const path of readdirSync(tree, { recursive: true, encoding: 'utf8' })) {
    const { mode, uid, gid } = lstatSync(join(tree, path));
    found.set(path, `${mode} ${uid} ${gid} ${contentOf(join(tree, path), mode)}`);
  }
  return found;
}

function contentOf(path: string, mode: number): string {
  const type = mode & 0o170000;
  if (type === 0o120000) return readlinkSync(path);
  return type === 0o100000 ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
}
