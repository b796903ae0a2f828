import {
  chownSync,
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
import { afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import { makeProbe, probe } from '../support/config-probe.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { useRoot } from '../support/temp-root.js';

const root = useRoot();
const it = testNeeding(noRoot());
/** Things of the host, outside the state root. */
let host = '';
const look = (config: string, script: string) => probe(root, `[Files]\n${config}\n`, script);
const owner = (path: string) => `${statSync(path).uid}:${statSync(path).gid}`;

beforeAll(() => makeProbe(root));
beforeEach(() => {
  host = mkdtempSync('/var/tmp/tsct-files-');
  for (const name of ['data', 'lower', 'upper']) mkdirSync(join(host, name));
  writeFileSync(join(host, 'data/www'), 'of www\n');
  chownSync(join(host, 'data/www'), 33, 33);
  writeFileSync(join(host, 'lower/low'), 'low\n');
  writeFileSync(join(host, 'a:file'), 'a file\n');
});
afterEach(() => rmSync(host, { recursive: true, force: true }));

const ids = (path: string) => `stat -c %u:%g ${path}`;
const tryWrite = (path: string) => `echo x 2>/dev/null > ${path} && echo wrote || echo refused`;

describe('[Files] keys as PID 1 sees them', () => {
  it('Bind= shows and takes ids as the container has them, and makes the place for it', async () => {
    const said = await look(
      `Bind=${host}/data:/srv/new/data`,
      `${ids('/srv/new/data/www')}\n${tryWrite('/srv/new/data/mine')}\nchown 7:8 /srv/new/data/mine`,
    );
    expect(said).toBe('33:33\nwrote\n');
    expect(owner(join(host, 'data/mine'))).toBe('7:8');
  });

  it('Bind= of a file, with a colon in its name; nodev, whatever it is', async () => {
    const said = await look(
      `Bind=${host}/a\\:file:/etc/here`,
      'cat /etc/here\ngrep -c "/etc/here .*nodev" /proc/mounts',
    );
    expect(said).toBe('a file\n1\n');
  });

  it('Bind= options: rootidmap, owneridmap, noidmap', async () => {
    chownSync(join(host, 'data'), 1000, 1000);
    chownSync(join(host, 'data/www'), 1000, 1000);
    const modes = ['rootidmap', 'owneridmap', 'noidmap'];
    const config = modes.map((mode) => `Bind=${host}/data:/srv/${mode}:${mode}`).join('\n');
    const script = modes
      .map((mode) => `${ids(`/srv/${mode}/www`)}\n${tryWrite(`/srv/${mode}/${mode}`)}`)
      .join('\n');
    expect(await look(config, script)).toBe('0:0\nwrote\n0:0\nwrote\n65534:65534\nrefused\n');
    expect(owner(join(host, 'data/rootidmap'))).toBe('1000:1000');
  });

  it('Bind=-: a source that is missing is left out; without - the start fails and leaves nothing', async () => {
    expect(await look(`Bind=-${host}/none:/srv/none`, 'ls -d /srv/none 2>/dev/null || echo none')).toBe(
      'none\n',
    );
    await expect(look(`Bind=${host}/none:/srv/none`, '')).rejects.toThrow(/none/);
  });

  it('BindReadOnly=, and + for what is in the root itself', async () => {
    const said = await look(
      `BindReadOnly=${host}/data:/srv/ro\nBindReadOnly=+/bin:/srv/bin`,
      `cat /srv/ro/www\n${tryWrite('/srv/ro/x')}\nls /srv/bin/busybox\n${ids('/srv/bin/busybox')}\n${tryWrite('/srv/bin/x')}\nmount -o remount,rw,bind /srv/ro 2>/dev/null && echo remounted`,
    );
    expect(said).toBe('of www\nrefused\n/srv/bin/busybox\n0:0\nrefused\n');
    expect(existsSync(join(host, 'data/x'))).toBe(false);
  });

  it('ReadOnly=: the root, and not what is mounted in it', async () => {
    const script = `${tryWrite('/etc/x')}\n${tryWrite('/tmp/x')}\n${tryWrite('/run/x')}\nmount -o remount,rw / 2>/dev/null && echo remounted\n`;
    expect(await look('', script)).toMatch(/^wrote\nwrote\nwrote\n/);
    expect(await look('ReadOnly=yes', script)).toBe('refused\nwrote\nwrote\n');
  });

  it('TemporaryFileSystem= is empty, of its size and mode, and writable for the container', async () => {
    const said = await look(
      'TemporaryFileSystem=/srv/t:size=1m,mode=1777\nTemporaryFileSystem=/srv/sealed:ro,noexec',
      `ls -A /srv/t\nstat -c %a:%u /srv/t\n${tryWrite('/srv/t/x')}\ndd if=/dev/zero of=/srv/t/big bs=1k count=2000 2>&1 | grep -c "No space"\n${tryWrite('/srv/sealed/x')}`,
    );
    expect(said).toBe('1777:0\nwrote\n1\nrefused\n');
  });

  it('TemporaryFileSystem= may size /run and /tmp', async () => {
    expect(
      await look(
        'TemporaryFileSystem=/run:size=2m\nTemporaryFileSystem=/tmp:size=3m',
        'grep -E " /(run|tmp) " /proc/mounts | grep -o "size=[0-9]*k"\nls /run/host/container-manager',
      ),
    ).toBe('size=2048k\nsize=3072k\n/run/host/container-manager\n');
  });

  it('Inaccessible= hides files and directories', async () => {
    await look('', 'mkdir -p /etc/hidden\necho x > /etc/hidden/f\necho x > /etc/secret');
    const said = await look(
      'Inaccessible=/etc/hidden\nInaccessible=/etc/secret\nInaccessible=/etc/missing',
      'ls -A /etc/hidden\ncat /etc/secret\nstat -c %a /etc/secret\numount /etc/secret 2>/dev/null && echo bare',
    );
    expect(said).toBe('0\n');
  });

  it('Overlay= writes to its upper directory, or to nowhere that stays', async () => {
    const config = `Overlay=${host}/lower:${host}/upper:/srv/over\nOverlay=+/etc::/etc`;
    const said = await look(
      config,
      `cat /srv/over/low\n${tryWrite('/srv/over/new')}\n${tryWrite('/etc/passing')}\nrm /srv/over/low`,
    );
    expect(said).toBe('low\nwrote\nwrote\n');
    expect(readFileSync(join(host, 'upper/new'), 'utf8')).toBe('x\n');
    expect(owner(join(host, 'upper/new'))).toBe('0:0');
    expect(readdirSync(join(host, 'lower'))).toEqual(['low']);
    expect(await look('', 'ls /etc/passing 2>/dev/null || echo gone')).toBe('gone\n');
  });

  it('OverlayReadOnly= stacks, the last one on top', async () => {
    writeFileSync(join(host, 'upper/low'), 'top\n');
    const said = await look(
      `OverlayReadOnly=${host}/lower:${host}/data:${host}/upper:/srv/all`,
      `ls /srv/all\ncat /srv/all/low\n${tryWrite('/srv/all/x')}`,
    );
    expect(said.replace(/\s+/g, ' ')).toBe('low www top refused ');
  });
});
