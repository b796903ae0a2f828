import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import { programPath } from '../../src/supervisor/programs.js';
import { liveCopy, type Talking, treeWriter } from '../support/live-copy.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { MAKE_TREE, toldTree } from '../support/told-tree.js';

const it = testNeeding(noRoot());

let dir: string;
let from: string;
let to: string;
const children: Talking[] = [];

beforeAll(() => {
  dir = mkdtempSync(join(process.env['TSCT_TEST_DIR'] ?? '/var/tmp', 'tsct-live-'));
});
afterAll(() => rmSync(dir, { recursive: true }));
beforeEach(() => {
  [from, to] = [join(dir, 'from'), join(dir, 'to')];
  for (const one of [from, to]) mkdirSync(one);
});
afterEach(async () => {
  for (const child of children.splice(0)) await child.kill();
  for (const one of [from, to]) rmSync(one, { recursive: true });
});

const make = (script: string, cwd = from) => execa('bash', ['-ec', script], { cwd });
const started = <T extends Talking>(child: T): T => {
  children.push(child);
  return child;
};

/** A copy up to `ready`. */
async function readyCopy(): Promise<Talking> {
  const copy = started(liveCopy(from, to));
  expect(JSON.parse(await copy.hear())).toEqual({ event: 'ready' });
  return copy;
}

async function finish(copy: Talking): Promise<{ same: Record<string, number>; done: unknown }> {
  copy.say('final');
  const same = JSON.parse(await copy.hear());
  expect(same.event).toBe('same');
  const done = JSON.parse(await copy.hear());
  expect(await copy.exit).toBe(0);
  return { same, done };
}

describe('tsct-copy live', () => {
  it('equals the tree that a writer at full speed left, at the moment at which it was stopped', async () => {
    for (let i = 0; i < 5; i++) {
      const writer = started(await treeWriter(['churn', from]));
      expect(await writer.hear()).toBe('going');
      await setTimeout(100);
      const copy = await readyCopy();
      writer.stop();
      const told = await toldTree(from);
      // Without the last pass it is of no moment at all.
      expect(await toldTree(to)).not.toBe(told);
      const { same, done } = await finish(copy);
      expect(await toldTree(to)).toBe(told);
      expect(same['changed']).toBeGreaterThan(0);
      const entries = Number((await make('find . -printf x | wc -c')).stdout);
      expect(done).toMatchObject({ event: 'done', format: 1, entries });
      await writer.kill();
      for (const one of [from, to])
        for (const name of readdirSync(one)) rmSync(join(one, name), { recursive: true });
    }
  });

  it('sees what is stored through a mapping that was written to before', async () => {
    const writer = started(await treeWriter(['mapped', join(from, 'file')]));
    writer.say('a');
    expect(await writer.hear()).toBe('stored');
    await setTimeout(100); // older than a tick of the clock: by its times alone it did not change
    const copy = await readyCopy();
    expect(readFileSync(join(to, 'file'), 'latin1')[0]).toBe('a');
    writer.say('b');
    expect(await writer.hear()).toBe('stored');
    await finish(copy);
    expect(readFileSync(join(to, 'file'), 'latin1')[0]).toBe('b');
  });

  it('sees what is stored through a mapping while the copy is made', async () => {
    // The page is written to for the first time when it is cleaned, and from then on with no trace.
    const writer = started(await treeWriter(['spin', join(from, 'file')]));
    expect(await writer.hear()).toBe('going');
    await setTimeout(100);
    const copy = await readyCopy();
    writer.stop();
    await finish(copy);
    expect(readFileSync(join(to, 'file')).equals(readFileSync(join(from, 'file')))).toBe(true);
  });

  it('copies nothing again when nothing changed', async () => {
    await make(MAKE_TREE);
    await setTimeout(100);
    const copy = await readyCopy();
    const told = await toldTree(to);
    expect(told).toBe(await toldTree(from));
    expect((await finish(copy)).same).toMatchObject({ copiedBytes: 0, changed: 0 });
    expect(await toldTree(to)).toBe(told);
  });

  // Each is done to the tree of MAKE_TREE between `ready` and `final`.
  const changes = {
    'an attribute alone':
      'setfattr -n user.note -v other d/file; setfattr -x user.bin big; setfattr -x user.dir d',
    'an ACL alone': 'setfacl -b acl; setfacl -k dr; setfacl -m u:5:x d; setfacl -m m::rwx dr/inside',
    'a capability, owners and modes':
      'setcap -r cap; chown 1:2 big setid; chmod 4711 setid; chmod 700 d; chown -h 9 abs',
    'times alone': 'touch -d 2003-03-03 d big; touch -h -d 2004-04-04 abs; touch -d 2005-05-05 dr/inside .',
    'names that went': 'rm -r d fifo null abs zero',
    'a directory that moved': 'mv d e; mv e/deep .; mv dr e/',
    'links that were broken': 'rm d/again; cp other x; mv x other; rm abs2',
    'links that were made': 'ln big b2; ln d/file d/deep/third; ln fifo f2; ln -P abs abs3; ln hole h2',
    'linked files that moved with their directory': 'mkdir q; ln big q/big; mv q w; mv d v; ln v/file w/n',
    'other types':
      'rm -r d; echo file >d; rm big; mkdir big; echo in >big/x; rm fifo; ln -s x fifo; rm abs abs2; mkfifo abs',
    holes:
      'fallocate -p -o 65536 -l 65536 big; truncate -s 60M hole; truncate -s 100 zeros; printf y | dd of=allhole bs=1 seek=2M conv=notrunc',
    'a file put in place of another':
      'cp -p big b; mv b big; echo n >n; mv n d/file; touch -d "2001-02-03 04:05:06.123456789" d/file',
    'files in directories that pass on group and ACL':
      'echo a >dr/new; cp -p big dr/b; echo b >setgid/new; chgrp 0 setgid/new; mkdir dr/d; chmod 700 dr/d; setfacl -bk dr/d',
    'a name that came': 'mkdir -p new/er; cp -a d new/er/; echo x >empty/x',
    'all of it': 'find . -mindepth 1 -delete; mkdir d; echo anew >d/file',
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`follows ${what}`, async () => {
      await make(MAKE_TREE);
      await setTimeout(50);
      const copy = await readyCopy();
      await make(change);
      await finish(copy);
      expect(await toldTree(to)).toBe(await toldTree(from));
    });
  }

  it('follows the end of a tree as deep as a guest cares to make it', async () => {
    await make(`perl -e 'for (1..3000) { mkdir "d"; chdir "d" } open F, ">f"'; touch file`);
    const copy = await readyCopy();
    await make('mv d/d e; rm d -r; touch d');
    await execa(programPath('tsct-copy'), ['remove', join(from, 'e')]);
    await finish(copy);
    expect(readdirSync(to)).toEqual(['d', 'file']);
    await execa(programPath('tsct-copy'), ['remove', join(to, 'd')]);
  });

  it('ends with 1 when its caller does not come back, and removes nothing', async () => {
    writeFileSync(join(from, 'file'), 'x');
    const copy = await readyCopy();
    copy.process.stdin?.end();
    expect(await copy.exit).toBe(1);
    expect(readdirSync(to)).toEqual(['file']);
  });

  it('dies at its fault points, and at each of them has said what it did', async () => {
    writeFileSync(join(from, 'file'), 'x');
    for (const [point, heard] of Object.entries({
      'copy.half': [],
      'copy.live-ready': [],
      'copy.live-final': ['ready'],
      'copy.live-same': ['ready', 'same'],
    })) {
      const copy = started(liveCopy(from, to, { TSCT_FAULT: point }));
      copy.process.stdin?.on('error', () => {}); // it died before it read
      copy.say('final');
      const events: string[] = [];
      for (let line = await copy.hear(); line !== ''; line = await copy.hear())
        events.push(JSON.parse(line).event);
      expect(await copy.exit, point).toBe('SIGKILL');
      expect(events, point).toEqual(heard);
      rmSync(join(to, 'file'));
    }
  });
});
