import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { programPath } from '../../src/supervisor/programs.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { MAKE_TREE } from '../support/told-tree.js';

const it = testNeeding(noRoot());
const COPY = programPath('tsct-copy');

let dir: string;
let tree: string;

beforeEach(() => {
  dir = mkdtempSync(join(process.env['TSCT_TEST_DIR'] ?? '/var/tmp', 'tsct-remove-'));
  tree = join(dir, 'tree');
  mkdirSync(tree);
});
afterEach(() => rmSync(dir, { recursive: true }));

const make = (script: string, cwd = tree) => execa('bash', ['-ec', script], { cwd });

function remove(paths: readonly string[], env: Record<string, string> = {}) {
  const { status, signal, stdout, stderr } = spawnSync(COPY, ['remove', ...paths], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  const parse = (text: string) => (text.startsWith('{') ? JSON.parse(text) : undefined);
  return { status, signal, summary: parse(stdout), error: parse(stderr) };
}

describe('tsct-copy remove', () => {
  it('removes trees and files, counts them, and takes no offence at what is not there', async () => {
    await make(MAKE_TREE);
    await make('mkdir -p many/in; touch many/in/{1..2000} one', dir);
    const objects = Number((await make('find tree many one -printf x | wc -c', dir)).stdout);
    const paths = ['tree/', 'many', 'one', 'nothing', 'no/thing'].map((name) => join(dir, name));
    expect(remove(paths)).toMatchObject({
      status: 0,
      summary: { format: 1, removed: objects, subvolumes: 0 },
    });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('removes a link and not what it leads to, inside and as the path itself', async () => {
    await make('mkdir ../kept; touch ../kept/file; ln -s ../kept to; ln -s ../../kept d; ln -s kept ../link');
    expect(remove([tree, join(dir, 'link')]).status).toBe(0);
    expect(readdirSync(dir)).toEqual(['kept']);
    expect(readdirSync(join(dir, 'kept'))).toEqual(['file']);
  });

  it('enters no mount', async () => {
    await make('mkdir mnt ../disk; touch ../disk/file');
    const script =
      'mount --bind "$1/disk" "$1/tree/mnt"; "$0" remove "$1/tree"; echo $?; "$0" remove "$1/tree/mnt"; echo $?';
    const { stdout, stderr } = await execa('unshare', ['-m', 'sh', '-c', script, COPY, dir]);
    expect(stdout).toBe('1\n1');
    const errors = stderr.split('\n').map((line) => JSON.parse(line));
    expect(errors).toMatchObject(
      Array(2).fill({ target: join(tree, 'mnt'), detail: 'something is mounted on it' }),
    );
    expect(readdirSync(join(dir, 'disk'))).toEqual(['file']);
  });

  it('needs no more open files for a tree that is deeper than files may be open', async () => {
    await make(
      `perl -e 'for (1..5000) { mkdir "d"; chdir "d" } mkdir ".tsct-0"; open F, ">f"'; mkdir .tsct-0`,
    );
    const { stdout } = await execa('bash', ['-c', 'ulimit -n 2000; "$0" remove "$1"', COPY, tree]);
    expect(JSON.parse(stdout).removed).toBe(5004);
    expect(existsSync(tree)).toBe(false);
  });

  it('removes nothing outside while directories are swapped with links that lead there', async () => {
    const memory = mkdtempSync('/dev/shm/tsct-remove-'); // where renames are fast
    const swapped = join(memory, 'tree');
    await make('mkdir kept tree; touch kept/{1..50}', memory);
    const swapper = spawn('perl', ['-e', SWAP, swapped], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(swapper.stdout as NodeJS.ReadableStream, 'data');
    try {
      for (let i = 0; i < 400; i++) {
        remove([swapped]); // fails where something came in while it worked
        mkdirSync(swapped, { recursive: true });
      }
      expect(readdirSync(join(memory, 'kept'))).toHaveLength(50);
    } finally {
      swapper.kill('SIGKILL');
      await once(swapper, 'exit');
      rmSync(memory, { recursive: true });
    }
  });

  it('can be taken up again where it died', async () => {
    await make('touch a b c');
    expect(remove([tree], { TSCT_FAULT: 'remove.half' }).signal).toBe('SIGKILL');
    expect(readdirSync(tree)).toHaveLength(2);
    expect(remove([tree]).status).toBe(0);
    expect(readdirSync(dir)).toEqual([]);
  });
});

const SWAP = `my ($d) = @ARGV; $| = 1; print "going\\n";
  while (1) {
    mkdir "$d/a"; rename "$d/a", "$d/away"; symlink "../kept", "$d/a"; unlink "$d/a"; rename "$d/away", "$d/a";
  }`;

describe('tsct-copy subvolume', () => {
  it('says that it needs btrfs', () => {
    const { stderr, status } = spawnSync(COPY, ['subvolume', 'create', '/dev/shm/tsct-sub'], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({
      step: 'make subvolume',
      errno: 25,
      detail: 'it is not on btrfs',
    });
  });
});
