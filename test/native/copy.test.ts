import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import { programPath } from '../../src/supervisor/programs.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { MAKE_TREE, toldTree } from '../support/told-tree.js';

const it = testNeeding(noRoot());
const COPY = programPath('tsct-copy');

let dir: string;
let from: string;
let to: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(process.env['TSCT_TEST_DIR'] ?? '/var/tmp', 'tsct-copy-'));
});
afterAll(() => rmSync(dir, { recursive: true }));
beforeEach(() => {
  [from, to] = [join(dir, 'from'), join(dir, 'to')];
  for (const one of [from, to]) mkdirSync(one);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const one of [from, to]) rmSync(one, { recursive: true });
});

const make = (script: string, cwd = from) => execa('bash', ['-ec', script], { cwd });

function copy(args: readonly string[], env: Record<string, string> = {}) {
  const { status, signal, stdout, stderr } = spawnSync(COPY, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  const parse = (text: string) => (text.startsWith('{') ? JSON.parse(text) : undefined);
  return { status, signal, stdout, summary: parse(stdout), error: parse(stderr) };
}

describe('tsct-copy tree', () => {
  it('brings everything over', async () => {
    await make(MAKE_TREE);
    await make(`setfattr -n user.overlay.opaque -v y d; mknod gone c 0 0; setfattr -n trusted.mine -v x d/deep
      setfacl -m u:9:r fifo null`);
    const { summary } = copy(['tree', from, to]);
    const told = await toldTree(from);
    expect(told).toContain('user.overlay.opaque="y"');
    expect(told).toContain('trusted.mine');
    expect(await toldTree(to)).toBe(told.replace(/# file: d\/deep\ntrusted.mine="x"\n\n/, ''));
    const entries = Number((await make('find . -printf x | wc -c')).stdout);
    expect(summary).toMatchObject({ entries, foreignOwners: 0, skippedSockets: 0, skippedMounts: [] });
    const blocks = (tree: string) => make("find . -type f -printf '%P %b\\n' | sort", tree);
    expect((await blocks(to)).stdout).toBe((await blocks(from)).stdout);
  });

  it('takes nothing of the directory that it copies into', async () => {
    await make('chmod 2777 .; setfacl -d -m u:77:rwx .; chgrp 88 .', to);
    await make('mkdir d; echo x >d/f; echo y >g; chmod 600 g');
    copy(['tree', from, to]);
    expect(await toldTree(to)).toBe(await toldTree(from));
  });

  it('merges a stack of trees as overlay shows it', async () => {
    await make(
      'mkdir -p low/d low/o up/d up/o; echo 1 >low/d/a; echo 2 >low/d/b; echo 3 >low/o/c; ln low/d/a low/e',
    );
    await make(
      'mknod up/d/a c 0 0; setfattr -n user.overlay.opaque -v y up/o; echo 4 >up/d/f; chmod 700 up/d',
    );
    copy(['tree', join(from, 'low'), join(from, 'up'), to]);
    expect((await make('find . -printf "%P %y %m %s\\n" | sort; getfattr -Rd -m - .', to)).stdout).toBe(
      [' d 755 4096', 'd d 700 4096', 'd/b f 644 2', 'd/f f 644 2', 'e f 644 2', 'o d 755 4096'].join('\n'),
    );
  });

  it('leaves out sockets and what is mounted, and says so', async () => {
    await make('mkdir -p mnt plain; echo under >mnt/under');
    const script = `mount -t tmpfs none "$1/mnt"; touch "$1/mnt/over"
      perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => shift, Listen => 1)' "$1/sock"
      "$0" tree "$1" "$2"`;
    const { stdout } = await execa('unshare', ['-m', 'bash', '-ec', script, COPY, from, to]);
    expect(JSON.parse(stdout)).toMatchObject({ skippedMounts: ['mnt'], skippedSockets: 1 });
    expect(existsSync(join(to, 'sock'))).toBe(false);
    expect((await make('find . | sort', to)).stdout).toBe('.\n./mnt\n./mnt/under\n./plain');
  });

  it('counts owners that no container has', async () => {
    await make('touch a b; chown 65536 a; chgrp 100000 b');
    expect(copy(['tree', from, to]).summary).toMatchObject({ foreignOwners: 2 });
  });

  it('refuses what is not there, what is not empty, and what cannot be shared', async () => {
    await make('echo x >f');
    const missing = copy(['tree', join(dir, 'nowhere'), to]);
    expect(missing).toMatchObject({ status: 1, error: { stage: 'copy', errno: 2 } });
    expect(missing.error.target).toContain('nowhere');
    await make('mkdir -p /dev/shm/tsct-copy-test');
    try {
      const always = copy(['tree', '--reflink=always', from, '/dev/shm/tsct-copy-test']);
      expect(always).toMatchObject({ status: 1, error: { call: 'ioctl(FICLONE)', target: 'f' } });
    } finally {
      rmSync('/dev/shm/tsct-copy-test', { recursive: true });
    }
    await make('touch there', to);
    expect(copy(['tree', from, to]).error).toMatchObject({ step: 'copy into', detail: 'it is not empty' });
    expect(copy(['tree', from]).status).toBe(2);
  });

  it('follows no link that comes in the way while it works', async () => {
    // Directories and files are swapped with links that lead out, as fast as one process can.
    await make(
      `mkdir -p out d; echo secret >out/file; for i in {1..300}; do mkdir d/$i; echo mine >d/$i/file; done`,
    );
    const tree = join(from, 'd');
    const swapper = spawn('perl', ['-e', SWAP, tree, join(from, 'out')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(swapper);
    await once(swapper.stdout as NodeJS.ReadableStream, 'data');
    for (let i = 0; i < 6; i++) {
      rmSync(to, { recursive: true });
      mkdirSync(to);
      expect(copy(['tree', tree, to]).status).toBe(0);
      expect((await make('grep -rl secret . || true', to)).stdout).toBe('');
    }
  });
});

/** Swaps each directory, and the file in it, with a link to something outside and back. */
const SWAP = `my ($d, $out) = @ARGV; $| = 1; print "going\\n";
  while (1) { for my $i (1..300) {
    rename "$d/$i", "$d/$i.away"; symlink $out, "$d/$i"; unlink "$d/$i"; rename "$d/$i.away", "$d/$i";
    rename "$d/$i/file", "$d/$i/f"; symlink "$out/file", "$d/$i/file"; unlink "$d/$i/file"; rename "$d/$i/f", "$d/$i/file";
  } }`;
