import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { programPath } from '../../src/supervisor/programs.js';
import { loopFilesystem } from '../support/loopfs.js';
import { makeOneOfEverything, told, toldOf } from '../support/one-of-everything.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { useRoot } from '../support/temp-root.js';
import { CHECKOUT } from '../support/tsct.js';

const it = testNeeding(noRoot());
const root = useRoot();
let dir: string;
let file: string;

beforeAll(async () => {
  dir = mkdtempSync('/var/tmp/tsct-export-');
  file = join(dir, 'web.tar.zst');
  await makeOneOfEverything(join(dir, 'from'));
  await root.ok(['create', 'web', '--rootfs', join(dir, 'from'), '--set', 'Exec.Hostname=web.example']);
  await root.ok(['export', 'web', file]);
});
afterAll(() => rmSync(dir, { recursive: true }));

/** What came of importing these bytes: nothing may be left of them. */
async function refused(bytes: Uint8Array): Promise<string> {
  const path = join(dir, 'damaged');
  writeFileSync(path, bytes);
  const layers = readdirSync(join(root.path, '.store/layers'));
  const { exitCode, stderr } = await root.run(['import', 'bad', path]);
  expect(exitCode, 'taken as if it were whole').not.toBe(0);
  expect(existsSync(root.layout.containerDir('bad'))).toBe(false);
  expect(readdirSync(join(root.path, '.store/layers'))).toEqual(layers);
  return stderr;
}

/** The tar in the export, changed by a shell line in a directory that has it unpacked. */
function repacked(script: string, members = 'tsct/manifest.json rootfs tsct/checksums.json'): Buffer {
  const at = mkdtempSync(join(dir, 'repack-'));
  execFileSync('bash', ['-ec', `zstd -qdc ${file} | tar xf - 2>/dev/null; ${script}`], { cwd: at });
  const packed = spawnSync('bash', ['-ec', `tar cf - ${members} | zstd -q`], { cwd: at, maxBuffer: 1e9 });
  rmSync(at, { recursive: true });
  return packed.stdout;
}

describe('an export comes back whole', () => {
  it('with everything that the root had, its config, and an identity of its own', async () => {
    await root.ok(['import', 'again', file]);
    expect(await toldOf(root.layout, 'again')).toBe(await told(join(dir, 'from')));
    expect((await root.ok(['config', 'get', 'again', 'Exec.Hostname'])).stdout).toBe('web.example\n');
    const identity = (name: string) => JSON.parse(readFileSync(root.layout.identityFile(name), 'utf8'));
    expect(identity('again').uuid).not.toBe(identity('web').uuid);
    expect(identity('again').idBase).not.toBe(identity('web').idBase);
  });

  it('through standard output and input, without either being read or written unasked', async () => {
    const tsct = `${process.execPath} ${CHECKOUT}/bin/tsct.js`;
    const env = { ...process.env, TSCT_ROOT: root.path };
    execFileSync('bash', ['-ec', `set -o pipefail; ${tsct} export web - | ${tsct} import piped -`], { env });
    expect(await toldOf(root.layout, 'piped')).toBe(await told(join(dir, 'from')));
  });

  it('of a running container as of a snapshot, without stopping either', async () => {
    await root.ok(['create', 'live', '--template', 'busybox', '--start']);
    await root.sh('live', 'echo one >/root/state');
    await root.ok(['snapshot', 'create', 'live', 's1']);
    await root.sh('live', 'echo two >/root/state');
    await root.ok(['export', 'live', `${dir}/live.tzst`]);
    await root.ok(['export', 'live@s1', `${dir}/s1.tzst`]);
    expect(await root.sh('live', 'cat /root/state')).toBe('two');
    expect((await root.ok(['snapshot', 'list', 'live', '--json'])).json<unknown[]>().length).toBe(1);
    for (const [name, state] of [
      ['live', 'two'],
      ['s1', 'one'],
    ] as const) {
      await root.ok(['import', `from-${name}`, `${dir}/${name}.tzst`]);
      await root.ok(['start', `from-${name}`]);
      expect(await root.sh(`from-${name}`, 'cat /root/state')).toBe(state);
    }
  });

  it('whatever it is compressed with, and a setting changed on the way', async () => {
    execFileSync('bash', ['-ec', `zstd -qdc ${file} | gzip -1 >${dir}/web.tar.gz`]);
    await root.ok(['import', 'again', `${dir}/web.tar.gz`, '--set', 'Exec.Hostname=other']);
    expect((await root.ok(['config', 'get', 'again', 'Exec.Hostname'])).stdout).toBe('other\n');
  });

  it('into a file that takes the place of an old one at once, 0600, and nowhere else', async () => {
    const path = join(dir, 'again.tar.zst');
    writeFileSync(path, 'old', { mode: 0o644 });
    writeFileSync(join(dir, '.again.tar.zst.tsct-partial'), 'of a killed one', { mode: 0o600 });
    const said = (await root.ok(['export', 'web', path, '--json'])).json<{ entries: number }>();
    expect(said).toMatchObject({ name: 'web', file: path });
    expect(said.entries).toBeGreaterThan(20);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('in at most 150 MB of memory, however large a file is', async () => {
    const tree = join(dir, 'large');
    mkdirSync(join(tree, 'sbin'), { recursive: true });
    execFileSync('bash', ['-ec', `head -c 200M /dev/urandom >${tree}/file; truncate -s 100G ${tree}/hole`]);
    await root.ok(['create', 'large', '--rootfs', tree]);
    const env = { ...process.env, TSCT_ROOT: root.path };
    for (const words of [
      ['export', 'large', `${dir}/large.tzst`],
      ['import', 'large2', `${dir}/large.tzst`],
    ]) {
      const time = spawnSync(
        '/usr/bin/time',
        ['-f', '%M', process.execPath, `${CHECKOUT}/bin/tsct.js`, ...words],
        { env },
      );
      expect(time.status, String(time.stderr)).toBe(0);
      expect(Number(String(time.stderr).trim().split('\n').at(-1)) / 1024).toBeLessThan(150);
    }
    rmSync(`${dir}/large.tzst`);
    rmSync(tree, { recursive: true });
  });
});

describe('what is no whole export is refused, the place named, nothing left', () => {
  it('cut short anywhere', async () => {
    const whole = readFileSync(file);
    for (const part of [0, 0.1, 0.5, 0.9, 0.99]) {
      expect(await refused(whole.subarray(0, Math.floor(whole.length * part)))).toMatch(
        /truncated|empty|end/,
      );
    }
    expect(await refused(whole.subarray(0, whole.length - 1))).toMatch(/truncated/);
  });

  it('a bit flipped anywhere', async () => {
    const whole = readFileSync(file);
    for (let i = 0; i < 24; i++) {
      const bytes = Buffer.from(whole);
      const at = Math.floor((whole.length * (i + 0.5)) / 24);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (i % 8));
      expect(await refused(bytes)).toMatch(/damaged|no zstd|no export|truncated|checksum/);
    }
  });

  it('a flipped bit that a new compressor has sealed: the checksums know', async () => {
    const tar = execFileSync('zstd', ['-qdc', file], { maxBuffer: 1e9 });
    const at = tar.indexOf('two words');
    tar[at] = (tar[at] ?? 0) ^ 1;
    expect(await refused(tar)).toContain('tsct/checksums.json');
  });

  it('something behind its end', async () => {
    const whole = readFileSync(file);
    expect(await refused(Buffer.concat([whole, Buffer.from('x')]))).toContain('follows its end');
    expect(await refused(Buffer.concat([whole, whole]))).toContain(
      'something follows the end of the archive',
    );
    const tar = execFileSync('zstd', ['-qdc', file], { maxBuffer: 1e9 });
    expect(await refused(Buffer.concat([tar, Buffer.from('more')]))).toContain('something follows the end');
  });

  it('entries behind the checksums, none of them, or others than it wrote', async () => {
    expect(
      await refused(repacked(':', 'tsct/manifest.json rootfs tsct/checksums.json rootfs/etc')),
    ).toContain('comes after the checksums');
    expect(await refused(repacked(':', 'tsct/manifest.json rootfs'))).toContain('truncated');
    expect(await refused(repacked('echo x >other', 'tsct/manifest.json rootfs other'))).toContain('"other"');
    expect(await refused(repacked(':', 'rootfs tsct/checksums.json'))).toContain('no export of tsct');
    expect(await refused(repacked('rm rootfs/big'))).toContain('tsct/checksums.json');
    expect(await refused(Buffer.from('hello'))).toMatch(/no export|Unrecognized|format/);
  });

  it('names and links that lead out', async () => {
    const flags = '--transform=s,^rootfs/other$,rootfs/../../../../../../..'.concat(dir, '/planted, ');
    expect(await refused(repacked(':', `-P ${flags} tsct/manifest.json rootfs/other`))).toContain(
      'leads out',
    );
    const absolute = `-P --transform=s,^rootfs/other$,${dir}/planted,`;
    expect(await refused(repacked(':', `${absolute} tsct/manifest.json rootfs/other`))).not.toBe('');
    expect(existsSync(join(dir, 'planted'))).toBe(false);
  });

  it('a newer format, with exit code 5, before anything is unpacked', async () => {
    const bytes = repacked('sed -i s/\\"format\\":.1/\\"format\\":9/ tsct/manifest.json');
    writeFileSync(join(dir, 'newer'), bytes);
    const { exitCode, stderr } = await root.run(['import', 'bad', join(dir, 'newer')]);
    expect(exitCode).toBe(5);
    expect(stderr).toContain('format 9');
  });

  it('attributes that overlay or the host would believe are left out', () => {
    const bytes = repacked(
      'setfattr -n user.dir -v x rootfs/d; setfattr -n trusted.overlay.opaque -v y rootfs/d; setfattr -n user.overlay.redirect -v /x rootfs/d',
      "--xattrs --xattrs-include='*' tsct/manifest.json rootfs tsct/checksums.json",
    );
    const into = join(dir, 'hostile');
    mkdirSync(into);
    const words = `echo 'into ${into}' | ${programPath('tsct-archive')} import /dev/fd/4 3<&0 4<${into}.tzst`;
    writeFileSync(`${into}.tzst`, bytes);
    execFileSync('bash', ['-c', words]);
    const left = execFileSync('getfattr', ['-dm', '-', join(into, 'd')]);
    expect(String(left)).toMatch(/user\.dir/);
    expect(String(left)).not.toMatch(/overlay/);
  });
});

describe('bad luck', () => {
  it('a name that is taken, a container, snapshot or file that is not there', async () => {
    expect((await root.run(['import', 'web', file])).exitCode).toBe(4);
    expect((await root.run(['export', 'nope', join(dir, 'x')])).exitCode).toBe(3);
    expect((await root.run(['export', 'web@nope', join(dir, 'x')])).exitCode).toBe(3);
    expect((await root.run(['import', 'bad', join(dir, 'nope')])).stderr).toContain('no such file');
    expect((await root.run(['export', 'web', join(dir, 'no/dir/x')])).exitCode).toBe(1);
    expect(existsSync(join(dir, 'x'))).toBe(false);
  });

  it('a stopped container that is started while it is read: no archive that mixes two states', async () => {
    await root.ok(['create', 'late', '--template', 'busybox']);
    const env = { ...process.env, TSCT_ROOT: root.path };
    const tsct = `${process.execPath} ${CHECKOUT}/bin/tsct.js`;
    const reader = `(head -c 1000 >/dev/null; ${tsct} start late >&2; cat >/dev/null)`;
    const words = `${tsct} export late - | ${reader}; echo \${PIPESTATUS[0]}`;
    const { stdout, stderr } = spawnSync('bash', ['-c', words], { env });
    expect(String(stdout)).toBe('4\n');
    expect(String(stderr)).toContain('late was started or changed while it was read');
  });

  it('a terminal gets no archive', () => {
    const words = `${process.execPath} ${CHECKOUT}/bin/tsct.js export web -`;
    const env = { ...process.env, TSCT_ROOT: root.path };
    const shell = spawnSync('script', ['-qec', words, '/dev/null'], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(shell.status).toBe(2);
    expect(String(shell.stdout)).toContain('standard output is a terminal');
  });

  it('a reader that goes away', () => {
    const env = { ...process.env, TSCT_ROOT: root.path };
    const words = `${process.execPath} ${CHECKOUT}/bin/tsct.js export web - | head -c 100 >/dev/null; echo \${PIPESTATUS[0]}`;
    expect(String(spawnSync('bash', ['-c', words], { env }).stdout)).toBe('1\n');
  });

  it('a full disk: no file, no container, and it says so', async () => {
    const disk = await loopFilesystem('ext4', 64 << 20);
    try {
      // To the last block, root's own share too.
      spawnSync('dd', ['if=/dev/zero', `of=${disk.path}/filler`, 'bs=64k']);
      const { exitCode, stderr } = await root.run(['export', 'web', join(disk.path, 'web.tar.zst')]);
      expect(exitCode).toBe(1);
      expect(stderr).toContain('ENOSPC');
      expect(readdirSync(disk.path).sort()).toEqual(['filler', 'lost+found']);
      const { stderr: said } = await root.run(['import', 'bad', file], {
        env: { TSCT_ROOT: join(disk.path, 'root') },
      });
      expect(said).toMatch(/ENOSPC|no space/);
      await disk.free();
      const names = await root.ok(['list', '-q'], { env: { TSCT_ROOT: join(disk.path, 'root') } });
      expect(names.stdout).toBe('');
    } finally {
      await disk.dispose();
    }
  });

  it('kill -9 right before the end: the old file stays, the next export and command clean up', async () => {
    const path = join(dir, 'killed.tar.zst');
    writeFileSync(path, 'old');
    await root.run(['export', 'web', path], { env: { TSCT_FAULT: 'export.written' } });
    expect(readFileSync(path, 'utf8')).toBe('old');
    await root.ok(['export', 'web', path]);
    expect(readdirSync(dir).filter((name) => name.includes('killed'))).toEqual(['killed.tar.zst']);
    await root.run(['import', 'killed', path], { env: { TSCT_FAULT: 'import.unpacked' } });
    expect(existsSync(root.layout.containerDir('killed'))).toBe(true);
    expect((await root.ok(['list', '-q'])).stdout).toBe('web\n');
    expect(existsSync(root.layout.containerDir('killed'))).toBe(false);
    await root.ok(['import', 'killed', path]);
  });
});
