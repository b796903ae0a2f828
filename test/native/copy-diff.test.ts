import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { programPath } from '../../src/supervisor/programs.js';
import { chance } from '../support/chance.js';
import { noRoot, testNeeding } from '../support/requires.js';

const it = testNeeding(noRoot());
const COPY = programPath('tsct-copy');

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(process.env['TSCT_TEST_DIR'] ?? '/var/tmp', 'tsct-diff-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const make = (script: string, cwd = dir) => execa('bash', ['-ec', script], { cwd });

function diff(a: readonly string[], b: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync(COPY, ['diff', '--a', ...a, '--b', ...b], {
    encoding: 'utf8',
    cwd: dir,
  });
  expect(status, stderr).toBe(0);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .map(({ path, change }) => `${change} ${path}`);
}

describe('tsct-copy diff', () => {
  it('tells what an upper tree adds, changes and deletes', async () => {
    await make(`mkdir -p l/d/e l/o/p u/d u/o u/new; touch l/d/{a,b,c} l/d/e/f l/o/{q,p/r} l/same; ln -s x l/link
      echo b >u/d/b; mknod u/d/c c 0 0; mknod u/d/e c 0 0; setfattr -n user.overlay.opaque -v y u/o; touch u/o/q
      setfattr -n user.overlay.origin -v x u/d; touch u/new/f u/new.f; ln -s y u/link; cp -p l/same u/same`);
    expect(diff(['l'], ['l', 'u'])).toEqual([
      'changed /d/b',
      'deleted /d/c',
      'deleted /d/e',
      'deleted /d/e/f',
      'changed /link',
      'added /new',
      'added /new.f',
      'added /new/f',
      'deleted /o/p',
      'deleted /o/p/r',
    ]);
    expect(diff(['l', 'u'], ['l', 'u'])).toEqual([]);
    expect(diff(['l', 'u'], ['l']).map((line) => line.split(' ')[0])).toEqual([
      ...['changed', 'added', 'added', 'added', 'changed', 'deleted', 'deleted', 'deleted', 'added', 'added'],
    ]);
  });

  it('sees each kind of difference in trees that share nothing, and no other', async () => {
    await make(`mkdir -p a/{mode,owner,xattr,acl,opaque} a/dir; cd a; echo 1 >size; echo 2 >content; echo 3 >times; echo 4 >type
      echo 5 >attr; ln -s x target; mknod node c 1 3; mkfifo fifo; echo 6 >tick; ln size link; touch -d 2001-01-01 *; cd ..
      cp -a a b; cd b; chmod 700 mode; chown 5 owner; setfattr -n user.x -v 1 xattr; setfacl -m u:5:r acl
      setfattr -n user.overlay.opaque -v y opaque; touch dir; echo 11 >size; echo 3 >times; rm type; mkdir type; echo in >type/in
      setfattr -n user.y -v 1 attr; touch -d 2001-01-01 attr; ln -sf y target; rm node; mknod node c 1 5
      printf 7 | dd of=content conv=notrunc status=none; printf 8 | dd of=tick conv=notrunc status=none; touch -d 2001-01-01 tick`);
    const changed = [
      'acl',
      'attr',
      'content',
      'link',
      'mode',
      'node',
      'owner',
      'size',
      'target',
      'type',
      'xattr',
    ];
    expect(diff(['a'], ['b'])).toEqual([
      ...changed.slice(0, -1).map((name) => `changed /${name}`),
      'added /type/in',
      'changed /xattr',
    ]);
    await make('chmod 700 b');
    expect(diff(['a'], ['b'])[0]).toBe('changed /');
  });

  it('reads nothing of what both have in common', async () => {
    // Whoever went down there would need more open files than it may have.
    await make(
      `mkdir l u; cd l; echo x >f; perl -e 'for (1..300) { mkdir "d"; chdir "d" }'; cd ..; cp -a l copy; echo yy >u/f`,
    );
    const few = (...words: string[]) =>
      execa('bash', ['-c', 'ulimit -n 100; "$0" diff "$@"', COPY, ...words], { cwd: dir, reject: false });
    expect((await few('--a', 'l', '--b', 'l', 'u')).stdout).toBe('{"path":"/f","change":"changed"}');
    expect(JSON.parse((await few('--a', 'l', '--b', 'copy')).stderr)).toMatchObject({ errno: 24 });
  });

  it('agrees with the kernel on stacks made by chance', async () => {
    const random = chance();
    const pick = (count: number) => Math.floor(random() * count);
    const names = ['a', 'a.b', 'b', 'c'];
    const path = () => Array.from({ length: 1 + pick(3) }, () => names[pick(names.length)]).join('/');
    for (let round = 0; round < 6; round++) {
      const layers = ['0', '1', '2', '3'].map((name) => `${round}-${name}`);
      for (const layer of layers) {
        mkdirSync(join(dir, layer));
        const steps = Array.from({ length: 9 }, () => {
          const p = path();
          const steps = [
            `mkdir -p ${p}`,
            `mkdir -p ${p}; echo ${pick(3)} >${p}/${names[pick(4)]}`,
            `mkdir -p $(dirname ${p}); mknod ${p} c 0 0`,
            `mkdir -p ${p}; setfattr -n user.overlay.opaque -v y ${p}`,
            `mkdir -p $(dirname ${p}); ln -s ${pick(3)} ${p}`,
          ];
          return `{ ${steps[pick(steps.length)]}; } 2>/dev/null || true`;
        });
        await make(steps.join('\n'), join(dir, layer));
      }
      const stack = () => layers.slice(0, 1 + pick(layers.length));
      const [a, b] = [stack(), pick(2) === 0 ? stack() : [...layers].reverse().slice(pick(3))];
      expect(diff(a, b), `${a} ${b}`).toEqual(await slowDiff(a, b));
      await make(`rm -r ${round}-*`);
    }
  });
});

/** The same by looking at everything in merged copies, which the kernel's overlay makes. */
async function slowDiff(a: readonly string[], b: readonly string[]): Promise<string[]> {
  const [left, right] = [await looks(a), await looks(b)];
  const all = [...new Set([...left.keys(), ...right.keys()])].sort((x, y) =>
    Buffer.compare(Buffer.from(x), Buffer.from(y)),
  );
  return all.flatMap((path) => {
    if (!left.has(path)) return [`added /${path}`];
    if (!right.has(path)) return [`deleted /${path}`];
    return left.get(path) === right.get(path) ? [] : [`changed /${path}`];
  });
}

async function looks(stack: readonly string[]): Promise<Map<string, string>> {
  const script = `rm -rf merged; mkdir merged; "${COPY}" tree "$@" merged >/dev/null; cd merged
    find . -mindepth 1 ! -type c \\( -type f -printf '%P %y %m ' -exec cat {} \\; -o -type d -printf '%P %y %m\\n' -o -printf '%P %y %l\\n' \\)`;
  const { stdout } = await execa('bash', ['-ec', script, 'bash', ...stack], { cwd: dir });
  const lines = stdout.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => line.split(/ (.*)/s, 2) as [string, string]));
}
