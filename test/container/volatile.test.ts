import { mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect } from 'vitest';
import { makeProbe, probe } from '../support/config-probe.js';
import { noRoot, olderLinux, testNeeding } from '../support/requires.js';
import { smallRoot } from '../support/small-root.js';
import { useRoot } from '../support/temp-root.js';

const root = useRoot();
const it = testNeeding(noRoot());
// There it goes to the disk, and is removed at the end of the run.
const onDisk = noRoot() ?? olderLinux('6.6', 'a tmpfs holds no upper layer');
const look = (volatile: string, script: string) => probe(root, `[Storage]\nVolatile=${volatile}\n`, script);
const tryWrite = (path: string) => `echo x 2>/dev/null > ${path} && echo wrote || echo refused`;

beforeAll(() => makeProbe(root));

describe('[Storage] Volatile=', () => {
  it('no: what is written stays', async () => {
    await look('no', 'echo kept > /etc/kept\nmkdir -p /var/lib/kept');
    expect(await look('no', 'cat /etc/kept')).toBe('kept\n');
  });

  it('overlay: all of it is there with its owners and may be written to, and nothing of that stays', async () => {
    await look('no', 'mkdir -p /srv/d\necho old > /srv/d/f\nchown 7:8 /srv/d/f\nchmod 751 /');
    const said = await look(
      'overlay',
      `stat -c %u:%g /srv/d/f\nstat -c %a:%u / \necho new > /srv/d/f\nrm -r /srv/d\nmkdir /srv/d\nls /srv/d\n${tryWrite('/etc/new')}\nchown 9:9 /etc/new\nstat -c %u:%g /etc/new\ngrep -c " / overlay .*nodev" /proc/mounts`,
    );
    expect(said).toBe('7:8\n751:0\nwrote\n9:9\n1\n');
    expect(await look('no', 'cat /srv/d/f\nls /etc/new 2>/dev/null || echo gone\nchmod 755 /')).toBe(
      'old\ngone\n',
    );
  });

  testNeeding(onDisk)('overlay: what is written takes memory, with a bound', async () => {
    const said = await look('overlay', 'df -k / | tail -1 | while read a b c; do echo $b; done');
    const total = Number(/^MemTotal: *(\d+)/m.exec(await readFile('/proc/meminfo', 'utf8'))?.[1]);
    expect(Number(said) / total).toBeCloseTo(0.25, 1);
  });

  it('state: the root is read-only, /var empty and writable, and empty again at the next start', async () => {
    await look('no', 'mkdir -p /var/lib/kept');
    const script = `ls -A /var\n${tryWrite('/etc/x')}\n${tryWrite('/var/x')}\nmount -o remount,rw / 2>/dev/null && echo remounted`;
    expect(await look('state', script)).toBe('refused\nwrote\n');
    expect(await look('state', script)).toBe('refused\nwrote\n');
    expect(await look('no', 'ls /var/x 2>/dev/null || ls -d /var/lib/kept')).toBe('/var/lib/kept\n');
  });

  for (const driver of ['overlay', 'dir']) {
    it(`yes: a root in memory with nothing but /usr, read-only, and the links into it (${driver})`, async () => {
      const tree = await smallRoot('');
      mkdirSync(join(tree, 'usr'));
      for (const name of ['bin', 'sbin']) {
        renameSync(join(tree, name), join(tree, 'usr', name));
        symlinkSync(name === 'bin' ? '/usr/bin' : 'usr/sbin', join(tree, name));
      }
      symlinkSync('../srv', join(tree, 'elsewhere'));
      const quoted = `ls -1 /; readlink /bin; ls -A /etc; ${tryWrite('/etc/x')}; ${tryWrite('/usr/bin/x')}; mount -o remount,rw /usr 2>/dev/null && echo remounted; stat -c %u:%a / /root; poweroff -f`;
      await root.ok([
        'create', 'usr', '--rootfs', tree, '--set', `Storage.Driver=${driver}`, '--set', 'Storage.Volatile=yes',
        '--set', 'Exec.Init=/bin/busybox', '--set', `Exec.Parameters=sh -c "busybox --install -s /run; PATH=/run:/bin; ${quoted.replace(/"/g, '\\"')}"`,
      ]); // biome-ignore format: one word a key
      await root.ok(['start', 'usr']);
      await root.ok(['wait', 'usr', '--for', 'stopped', '--timeout', '30']);
      const said = (await root.ok(['logs', 'usr'])).stdout.replaceAll('\r', '');
      expect(said).toBe(
        'bin\ndev\netc\nproc\nroot\nrun\nsbin\nsys\ntmp\nusr\nvar\n/usr/bin\nresolv.conf\nwrote\nrefused\n0:755\n0:700\n',
      );
      expect(await readdir(tree)).toContain('elsewhere');
    });
  }

  it('yes: an image whose /bin is no link into /usr is refused with that reason', async () => {
    await root.ok(['create', 'old', '--template', 'busybox', '--set', 'Storage.Volatile=yes']);
    const started = await root.run(['start', 'old']);
    expect(started.exitCode).toBe(1);
    expect(started.stderr).toMatch(/\/bin: is a directory of its own and not a link into \/usr/);
    expect(started.stderr).toMatch(/Volatile=overlay/);
  });

  it('changes from outside reach the root that is kept: rename, create', async () => {
    await root.ok(['create', 'one', '--template', 'busybox', '--set', 'Storage.Volatile=overlay']);
    await root.ok(['rename', 'one', 'two']);
    await root.ok(['start', 'two']);
    expect(await root.sh('two', 'cat /etc/hostname; cat /etc/machine-id | wc -c')).toBe('two\n33');
    expect((await root.ok(['info', 'two', '--json'])).json<{ ephemeral: boolean }>().ephemeral).toBe(true);
    const bundle = await root.run(['start', 'two', '--export-bundle', join(root.path, '.bundle')]);
    expect(bundle.exitCode).toBe(4);
  });
});
