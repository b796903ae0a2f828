import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { VIEW_DIR, viewWords } from '../../src/lifecycle/view.js';
import { programPath } from '../../src/supervisor/programs.js';
import { loopFilesystem } from '../support/loopfs.js';
import { makeOneOfEverything } from '../support/one-of-everything.js';
import { noFilesystem, noRoot, testNeeding } from '../support/requires.js';
import { stackOf, unnamedTrees, writeInside } from '../support/stored-root.js';
import { type TestRoot, useRoot } from '../support/temp-root.js';
import { CHECKOUT, type TsctResult } from '../support/tsct.js';

const it = testNeeding(noRoot());
const onBtrfs = testNeeding(noRoot(), noFilesystem('btrfs'));
const TSCT = `${process.execPath} ${CHECKOUT}/bin/tsct.js`;

const here = useRoot();
const there = useRoot();
const btrfs = useRoot('btrfs');
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync('/var/tmp/tsct-send-');
  await makeOneOfEverything(join(dir, 'from'));
  // What the changes below are about.
  await execa('bash', ['-ec', `${MORE} ln -s ${dir} out; touch -d 2002-01-01 .`], { cwd: join(dir, 'from') });
});
afterAll(() => rmSync(dir, { recursive: true }));
afterEach(() => {
  expect(unnamedTrees(there)).toEqual([]);
});

const MORE = `
  mkdir -p gone/x/y ren/sub tofile/in linkdir; echo 1 >gone/x/y/f; echo r >ren/sub/r; echo t >todir; echo t >tofile/in/z
  ln -s x tolink; echo same >touched; head -c 12000000 /dev/urandom >large
  echo m >p1; ln p1 p2; ln p1 p3; echo k >k1; echo k >k2; echo w >w1; ln w1 w2; touch -d 2005-01-01 k1 k2 p1;`;

/** One of each change, of two moments. */
const CHANGES = [
  `echo new >new; mkdir -p n/e/w; echo w >n/e/w/f; setfacl -d -m u:1:rwx n/e; rm -r gone; mv ren renamed
   rm todir; mkdir todir; echo in >todir/in; rm -r tofile; echo file >tofile; rm -r linkdir; ln -s d linkdir; rm tolink; mkdir tolink
   printf Q | dd of=big conv=notrunc status=none; chmod 4700 setid; chown 9:9 acl; setfacl -b acl; setfacl -b dr
   setfattr -x user.dir d; setfattr -n user.z -v 1 d/deep; rm d/again; echo more >>d/file; truncate -s 60M hole; rm fifo; rm null
   touch -d 2010-10-10 touched; chmod 711 empty; ln -f k1 k2; rm p3; echo m >p3; touch -d 2005-01-01 p3; ln w1 w3
   rm cap; echo c >cap; echo d >dr/new; mkdir dr/newd; echo x >setgid/new; touch -d 2004-04-04 dr .`,
  `rm -r n; echo back >n; mkdir gone; rm linkdir; mkdir linkdir; echo x >linkdir/x; rm w2; setfattr -n user.q -v 1 k1
   rm -r d; mkdir d; echo fresh >d/only; ln d/only other3; rm allhole; printf 7 | dd of=touched conv=notrunc status=none
   touch -d 2010-10-10 touched; chown -h 3:4 nolink; touch -h -d 2011-11-11 nolink; setfacl -m u:8:r dr; setfacl -d -m u:9:rw todir; chmod 0 todir`,
] as const;

/** Runs a shell line in the root of a stopped container, as writes through its overlay would change it. */
async function change(root: TestRoot, name: string, script: string): Promise<void> {
  const { layers, upper = '' } = await stackOf(root, name);
  const tree = root.layout.layerTree(upper);
  if (layers.length === 0) return void (await execa('bash', ['-ec', script], { cwd: tree }));
  const lower = [...layers].reverse().map(root.layout.layerTree).join(':');
  const options = `userxattr,lowerdir=${lower},upperdir=${tree},workdir=${join(tree, '../work')}`;
  await execa('unshare', [
    '-m',
    'bash',
    '-ec',
    `mount -t overlay x -o ${options} ${dir}/from; cd ${dir}/from; ${script}`,
  ]);
}

/** All that is said of a snapshot: types, owners, modes, times, sizes, links, nodes, contents, holes, attributes, ACLs. */
async function told(root: TestRoot, address: string): Promise<string> {
  const { layers } = await stackOf(root, address);
  const script = `
    cd ${VIEW_DIR}
    find . ! -type d -printf '%P %y %m %U %G %s %l %T@\\n' | sort; find . -type d -printf '%P %y %m %U %G %T@\\n' | sort
    find . \\( -type b -o -type c \\) -exec stat -c '%n %t %T' {} + | sort
    find . -type f -exec sha256sum {} + | sort; find . -type f -size +1M -printf '%P %k\\n' | awk '{print $1, $2 < 40000}' | sort
    find . -print0 | sort -z | xargs -0 getfattr -hd -m - 2>/dev/null
    find . ! -type l -print0 | sort -z | xargs -0 getfacl -np 2>/dev/null; getcap -r . | sort
    find . ! -type d -printf '%i %P\\n' | sort -k2 | awk 'n[$1]++ {print $2, first[$1]} n[$1] == 1 {first[$1] = $2}'`;
  const [program = '', ...words] = [...viewWords(layers.map(root.layout.layerTree)), 'bash', '-c', script];
  return (await execa(program, words, { env: { LC_ALL: 'C' }, maxBuffer: 1 << 28 })).stdout;
}

/** `tsct send ... | tsct receive ...`, as through ssh. */
async function pipe(from: TestRoot, send: string, to: TestRoot, receive = ''): Promise<string> {
  const line = `set -o pipefail; TSCT_ROOT=${from.path} ${TSCT} send ${send} | TSCT_ROOT=${to.path} ${TSCT} receive ${receive}`;
  return (await execa('bash', ['-c', line])).stdout;
}

async function create(root: TestRoot, driver = 'overlay'): Promise<void> {
  await root.ok(['create', 'web', '--rootfs', join(dir, 'from'), '--set', `Storage.Driver=${driver}`]);
  await root.ok(['snapshot', 'create', 'web', 's1']);
}

/** A snapshot of one file in a small container, more quickly made. */
async function state(root: TestRoot, snapshot: string): Promise<void> {
  if (!(await root.names()).includes('box')) await root.ok(['create', 'box', '--template', 'busybox']);
  await writeInside(root, 'box', 'root/state', snapshot);
  await root.ok(['snapshot', 'create', 'box', snapshot]);
}

const snapshotsOf = async (root: TestRoot, name = 'box') =>
  (await root.ok(['snapshot', 'list', name, '--json'])).json<{ snapshot: string; uuid: string }[]>();
const namesOf = async (root: TestRoot, name?: string) =>
  (await snapshotsOf(root, name)).map((s) => s.snapshot);
const layersOf = (root: TestRoot) => readdirSync(join(root.path, '.store/layers')).sort();

describe.each([
  ['overlay', 'overlay'],
  ['overlay', 'btrfs'],
  ['btrfs', 'overlay'],
  ['dir', 'dir'],
])('from %s to %s', (from, to) => {
  onBtrfs(
    'whole and two differences: each snapshot is the same there in every respect',
    async () => {
      const source = from === 'btrfs' ? btrfs : here;
      const target = to === 'btrfs' ? btrfs : there;
      await create(source, from);
      const used = async () => {
        const of =
          to === 'btrfs'
            ? `df --output=used -B1M ${target.path} | tail -1`
            : `du -sm ${target.path} | cut -f1`;
        return Number((await execa('bash', ['-c', `sync -f ${target.path}; ${of}`])).stdout);
      };
      expect(await pipe(source, 'web@s1', target, `web - --set Storage.Driver=${to}`)).toBe('web@s1');
      const whole = await used();
      for (const [index, script] of CHANGES.entries()) {
        await change(source, 'web', script);
        await source.ok(['snapshot', 'create', 'web', `s${index + 2}`]);
        await pipe(source, `web@s${index + 2} --from s${index + 1}`, target);
      }
      for (const snapshot of ['s1', 's2', 's3']) {
        expect(await told(target, `web@${snapshot}`), snapshot).toBe(await told(source, `web@${snapshot}`));
      }
      expect(await snapshotsOf(target, 'web')).toMatchObject(
        (await snapshotsOf(source, 'web')).map(({ snapshot, uuid }) => ({ snapshot, uuid })),
      );
      // What did not change is shared, but where nothing can be: 12 MB of it did not.
      if (to !== 'dir') expect((await used()) - whole).toBeLessThan(8);
      // From s3 back to s1 at once, to a third one.
      await pipe(source, 'web@s3', target, `back - --set Storage.Driver=${to}`);
      await pipe(source, 'web@s1 --from s3', target, 'back');
      expect(await told(target, 'back@s1')).toBe(await told(source, 'web@s1'));
    },
    { timeout: 240_000 },
  );
});

describe('the container there', () => {
  it('is in that state with its config, and another machine, or the same one when asked', async () => {
    await state(here, 's1');
    await here.ok(['config', 'set', 'box', 'Exec.Hostname=one']);
    await state(here, 's2');
    const identity = (root: TestRoot, name: string) =>
      JSON.parse(readFileSync(root.layout.identityFile(name), 'utf8'));
    const said = JSON.parse(await pipe(here, 'box@s2', there, '--json'));
    expect(said).toMatchObject({ name: 'box', snapshot: 's2', from: null, created: { name: 'box' } });
    expect(identity(there, 'box').uuid).not.toBe(identity(here, 'box').uuid);
    expect((await there.ok(['config', 'get', 'box', 'Exec.Hostname'])).stdout).toBe('one\n');
    await pipe(here, 'box@s2', there, 'same --keep-identity');
    expect(identity(there, 'same')).toMatchObject({
      uuid: identity(here, 'box').uuid,
      macs: identity(here, 'box').macs,
    });
    await expect(pipe(here, 'box@s2', there, 'twin --keep-identity')).rejects.toThrow(
      /same is the same machine/,
    );
    expect(await there.names()).toEqual(['box', 'same']);
  });

  it('runs on while a difference comes; --restore lets a stopped one follow, and keeps only what it changed', async () => {
    await state(here, 's1');
    await pipe(here, 'box@s1', there, '--keep-identity');
    await there.ok(['start', 'box']);
    await there.sh('box', 'echo own >/root/own');
    await state(here, 's2');
    await pipe(here, 'box@s2 --from s1', there);
    expect(await there.sh('box', 'cat /root/state /root/own')).toBe('s1\nown'.replace('s1\n', 's1'));
    await expect(pipe(here, 'box@s2 --from s1', there, '--restore')).rejects.toThrow(/here already/);
    await state(here, 's3');
    await expect(pipe(here, 'box@s3 --from s2', there, '--restore')).rejects.toThrow(/it is running/);
    await there.ok(['stop', '--kill', 'box']);
    const said = JSON.parse(await pipe(here, 'box@s3 --from s2', there, '--restore --json'));
    expect(said).toMatchObject({ from: 's2', restored: { kept: expect.stringContaining('before-restore') } });
    await state(here, 's4');
    expect(JSON.parse(await pipe(here, 'box@s4 --from s3', there, '--restore --json')).restored.kept).toBe(
      null,
    );
    await there.ok(['start', 'box']);
    expect(await there.sh('box', 'cat /root/state; ls /root')).toBe('s4state');
  });

  it('may keep more snapshots than the sender, under other names', async () => {
    await state(here, 's1');
    await state(here, 's2');
    await pipe(here, 'box@s1', there);
    await pipe(here, 'box@s2 --from s1', there);
    await here.ok(['snapshot', 'delete', 'box@s1']);
    await there.ok(['snapshot', 'rename', 'box@s2', 'second']);
    await state(here, 's3');
    await pipe(here, 'box@s3 --from s2', there);
    expect(await namesOf(here)).toEqual(['s2', 's3']);
    expect(await namesOf(there)).toEqual(['s1', 'second', 's3']);
  });

  it('stays below the layers that an overlay can have', async () => {
    await state(here, 's1');
    await pipe(here, 'box@s1', there);
    const file = join(there.layout.snapshotDir('box'), 's1');
    const record = JSON.parse(readFileSync(file, 'utf8'));
    for (let n = 0; n < 60; n++) {
      mkdirSync(join(there.layout.layerDir(`more${n}`), 'tree'), { recursive: true });
      record.layers.push(`more${n}`);
    }
    writeFileSync(file, JSON.stringify(record));
    await state(here, 's2');
    await pipe(here, 'box@s2 --from s1', there);
    expect((await stackOf(there, 'box@s2')).layers.length).toBe(1);
    expect(await told(there, 'box@s2')).toBe(await told(here, 'box@s2'));
  });
});

describe('names of one file', () => {
  onBtrfs('are one file there too when a restore made them one again', async () => {
    await create(here);
    await change(here, 'web', 'echo other >w1');
    await here.ok(['snapshot', 'create', 'web', 's2']);
    await pipe(here, 'web@s2', btrfs, 'web - --set Storage.Driver=btrfs');
    await pipe(here, 'web@s1 --from s2', btrfs);
    expect(await told(btrfs, 'web@s1')).toBe(await told(here, 'web@s1'));
  });
});

describe('a difference is refused', () => {
  const refused = async (to: TestRoot, words: readonly string[], input: Uint8Array): Promise<TsctResult> => {
    const before = [layersOf(to), await namesOf(to)];
    const result = await to.run(['receive', ...words], { input });
    expect(result.exitCode, 'taken as if it were right').not.toBe(0);
    expect([layersOf(to), await namesOf(to)]).toEqual(before);
    return result;
  };
  const sent = (root: TestRoot, words: string): Buffer =>
    execFileSync('bash', ['-c', `${TSCT} send ${words}`], {
      env: { ...process.env, TSCT_ROOT: root.path },
      maxBuffer: 1e9,
    });

  it('where what it is from is not; what both have is told', async () => {
    for (const name of ['s1', 's2', 's3']) await state(here, name);
    expect((await there.run(['receive'], { input: sent(here, 'box@s2 --from s1') })).exitCode).toBe(3);
    await pipe(here, 'box@s1', there);
    const { exitCode, stderr } = await refused(there, [], sent(here, 'box@s3 --from s2'));
    expect(exitCode).toBe(3);
    expect(stderr).toContain('the difference from box@s2, which box here does not have');
    expect(stderr).toContain('both have s1: tsct send box@s3 --from s1');
    // Of the same name, and another state.
    await there.ok(['snapshot', 'create', 'box', 's2']);
    expect((await refused(there, [], sent(here, 'box@s3 --from s2'))).exitCode).toBe(3);
    const taken = await refused(there, [], sent(here, 'box@s2 --from s1'));
    expect([taken.exitCode, taken.stderr]).toEqual([4, expect.stringContaining('a snapshot box@s2 already')]);
    const whole = await refused(there, [], sent(here, 'box@s3'));
    expect([whole.exitCode, whole.stderr]).toEqual([4, expect.stringContaining('both have s1')]);
    expect(
      (await refused(there, ['box', '-', '--set', 'Exec.Hostname=x'], sent(here, 'box@s2 --from s1')))
        .exitCode,
    ).toBe(2);
  });

  onBtrfs(
    'cut short or with a flipped bit, wherever, and something behind its end',
    async () => {
      await create(here);
      await change(here, 'web', `${CHANGES[0]}; head -c 500000 /dev/urandom >noise`);
      await here.ok(['snapshot', 'create', 'web', 's2']);
      const delta = sent(here, 'web@s2 --from s1');
      for (const [target, driver] of [
        [there, 'overlay'],
        [btrfs, 'btrfs'],
      ] as const) {
        await pipe(here, 'web@s1', target, `box - --set Storage.Driver=${driver}`);
        for (const part of [0.1, 0.9]) {
          await refused(target, ['box'], delta.subarray(0, Math.floor(delta.length * part)));
        }
        expect((await refused(target, ['box'], delta.subarray(0, -1))).stderr).toContain('truncated');
        expect((await refused(target, ['box'], Buffer.concat([delta, Buffer.from('x')]))).stderr).toContain(
          'follows',
        );
        for (let i = 0; i < 3; i++) {
          const bytes = Buffer.from(delta);
          const at = Math.floor((bytes.length * (i + 0.5)) / 3);
          bytes[at] = (bytes[at] ?? 0) ^ (1 << i);
          await refused(target, ['box'], bytes);
        }
        // Sealed anew by a compressor: the checksums know.
        const tar = execFileSync('zstd', ['-qdc'], { input: delta, maxBuffer: 1e9 });
        const at = tar.lastIndexOf('more\n');
        tar[at] = (tar[at] ?? 0) ^ 1;
        expect((await refused(target, ['box'], tar)).stderr).toContain('tsct/checksums.json');
      }
    },
    { timeout: 240_000 },
  );

  onBtrfs(
    'with entries that lead out; with attributes that overlay believes, without them',
    async () => {
      await create(here);
      await change(here, 'web', CHANGES[0]);
      await here.ok(['snapshot', 'create', 'web', 's2']);
      const delta = join(dir, 'delta');
      writeFileSync(delta, sent(here, 'web@s2 --from s1'));
      const repacked = (script: string, flags: string, end = ''): Buffer => {
        const at = mkdtempSync(join(dir, 'repack-'));
        execFileSync('bash', ['-ec', `zstd -qdc ${delta} | tar xf - 2>/dev/null; ${script}`], { cwd: at });
        const tar = spawnSync(
          'bash',
          ['-ec', `tar cf - ${flags} tsct/manifest.json rootfs ${end} | zstd -q`],
          {
            cwd: at,
            maxBuffer: 1e9,
          },
        );
        rmSync(at, { recursive: true });
        return tar.stdout;
      };
      const out = `-P --transform=s,^rootfs/new$,rootfs/../../../../../../../..${dir}/planted,`;
      for (const [target, driver] of [
        [there, 'overlay'],
        [btrfs, 'btrfs'],
      ] as const) {
        await pipe(here, 'web@s1', target, `box - --set Storage.Driver=${driver}`);
        expect((await refused(target, ['box'], repacked(':', out))).stderr).toContain('leads out');
        // On overlay it is in a layer of its own, on btrfs beside a link of the tree that it is put on.
        const through = repacked(
          'rm -rf rootfs/*; echo x >rootfs/z',
          '-P --transform=s,^rootfs/z$,rootfs/out/planted,',
        );
        const { stderr } = await refused(target, ['box'], through);
        expect(stderr).toContain(target === there ? 'truncated' : 'symbolic link');
        expect(existsSync(join(dir, 'planted'))).toBe(false);
      }
      const into = join(dir, 'believed');
      mkdirSync(into);
      const believed = repacked(
        'setfattr -n user.overlay.redirect -v /x rootfs/n; setfattr -n user.a -v 1 rootfs/n',
        "--xattrs --xattrs-include='*'",
        'tsct/checksums.json',
      );
      const words = `echo 'onto ${into}' | ${programPath('tsct-archive')} import /dev/fd/4 3<&0 4<${into}.tzst`;
      writeFileSync(`${into}.tzst`, believed);
      spawnSync('bash', ['-c', words]);
      const left = execFileSync('getfattr', ['-dm', '-', join(into, 'n')], { encoding: 'utf8' });
      expect([left.includes('user.a'), left.includes('overlay')]).toEqual([true, false]);
    },
    { timeout: 240_000 },
  );

  it('by import, as receive refuses an export', async () => {
    await state(here, 's1');
    await state(here, 's2');
    const delta = await here.run(['import', 'new', '-'], { input: sent(here, 'box@s2 --from s1') });
    expect([delta.exitCode, delta.stderr]).toEqual([
      1,
      expect.stringContaining('only what box@s2 changes of box@s1'),
    ]);
    await here.ok(['export', 'box@s1', join(dir, 'export')]);
    const said = await there.run(['receive', 'box', join(dir, 'export')]);
    expect([said.exitCode, said.stderr]).toEqual([1, expect.stringContaining('it is an export')]);
    expect(await there.names()).toEqual([]);
  });
});

describe('bad luck', () => {
  it('two receives at once: one of them has it, whole, and the other says so', async () => {
    await state(here, 's1');
    await state(here, 's2');
    const both = (words: string) => Promise.allSettled([pipe(here, words, there), pipe(here, words, there)]);
    for (const words of ['box@s1', 'box@s2 --from s1']) {
      const ends = await both(words);
      expect(ends.filter((end) => end.status === 'fulfilled').length, words).toBe(1);
      const [failed] = ends.filter((end) => end.status === 'rejected');
      expect(String(failed?.reason)).toMatch(/already|another tsct command/);
    }
    expect(await namesOf(there)).toEqual(['s1', 's2']);
    expect(await told(there, 'box@s2')).toBe(await told(here, 'box@s2'));
  });

  it('a full disk: nothing is left, and it says so', async () => {
    await create(here);
    await change(here, 'web', 'head -c 3000000 /dev/urandom >more');
    await here.ok(['snapshot', 'create', 'web', 's2']);
    const disk = await loopFilesystem('ext4', 128 << 20);
    try {
      const env = { TSCT_ROOT: join(disk.path, 'root') };
      for (const [words, name] of [
        ['web@s1', 's1'],
        ['web@s2 --from s1', 's2'],
      ] as const) {
        const file = join(dir, name);
        await here.ok(['send', ...words.split(' '), file]);
        // To the last block, root's own share too; then a little, not enough.
        execFileSync('dd', ['if=/dev/zero', `of=${disk.path}/pad`, 'bs=1M', 'count=1'], { stdio: 'ignore' });
        spawnSync('dd', ['if=/dev/zero', `of=${disk.path}/filler`, 'bs=64k']);
        rmSync(join(disk.path, 'pad'));
        const full = await here.run(['receive', 'web', file], { env });
        expect([full.exitCode, full.stderr]).toEqual([1, expect.stringMatching(/ENOSPC|no space/)]);
        await disk.free();
        await here.ok(['list'], { env });
        await here.ok(['receive', 'web', file], { env });
      }
      expect((await here.ok(['snapshot', 'list', 'web', '--json'], { env })).json<unknown[]>().length).toBe(
        2,
      );
    } finally {
      await disk.dispose();
    }
  });

  it('a snapshot that an older tsct took gets a uuid, and a terminal nothing', async () => {
    await state(here, 's1');
    const file = join(here.layout.snapshotDir('box'), 's1');
    const { uuid: _, ...old } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify(old));
    expect((await snapshotsOf(here))[0]?.uuid).toBe(null);
    await pipe(here, 'box@s1', there);
    expect(await snapshotsOf(there)).toMatchObject(
      await snapshotsOf(here).then((all) => all.map(({ uuid }) => ({ uuid }))),
    );
    for (const words of ['send box@s1', 'receive']) {
      const shell = spawnSync('script', ['-qec', `${TSCT} ${words}`, '/dev/null'], {
        env: { ...process.env, TSCT_ROOT: here.path },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      expect([shell.status, String(shell.stdout)]).toEqual([2, expect.stringContaining('is a terminal')]);
    }
    expect((await here.run(['send', 'box@nope'])).exitCode).toBe(3);
    expect((await here.run(['send', 'box@s1', '--from', 'nope'])).exitCode).toBe(3);
    expect((await here.run(['send', 'box'])).exitCode).toBe(2);
  });
});
