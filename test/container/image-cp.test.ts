import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { programPath } from '../../src/supervisor/programs.js';
import { info } from '../guest/boot.js';
import { TestRoot } from '../support/temp-root.js';

let root: TestRoot;
let dir: string;

beforeAll(async () => {
  root = await TestRoot.create();
  await root.ok(['create', 'box', '--template', 'busybox', '--start']);
});
afterAll(() => root?.dispose());
beforeEach(() => {
  dir = mkdtempSync('/var/tmp/tsct-cp-');
  return () => rmSync(dir, { recursive: true, force: true });
});

const inside = (script: string) => root.sh('box', script);

describe('cp into a running container', () => {
  test('keeps owners, modes, links and times, as the container counts ids', async () => {
    await execa(
      'sh',
      [
        '-ec',
        'mkdir d; echo x >d/f; ln d/f d/g; ln -s f d/l; chown -R 1000:1001 d; chmod 4750 d/f; touch -d @1000000000 d/f',
      ],
      { cwd: dir },
    );
    await root.ok(['cp', '-r', join(dir, 'd'), 'box:/root']);
    expect(await inside('cd /root/d; stat -c "%n %u:%g %a %h %Y" f g; readlink l; cat f')).toBe(
      'f 1000:1001 4750 2 1000000000\ng 1000:1001 4750 2 1000000000\nf\nx',
    );
  });

  test('a link inside leads only to what is inside', async () => {
    // More than a pipe holds: whoever packs it must hear that nobody unpacks.
    writeFileSync(join(dir, 'f'), 'mine'.repeat(250_000));
    // The very path of the host's directory, which the container does not have, and one through `..`.
    await inside(`ln -sfn ${dir} /root/abs; ln -sfn ../../../../../..${dir} /root/up`);
    for (const link of ['abs', 'up']) {
      expect((await root.run(['cp', join(dir, 'f'), `box:/root/${link}/planted`])).exitCode).toBe(1);
      expect(existsSync(join(dir, 'planted'))).toBe(false);
    }
    await inside(`mkdir -p ${dir}`);
    await root.ok(['cp', join(dir, 'f'), 'box:/root/abs/planted']);
    expect(existsSync(join(dir, 'planted'))).toBe(false);
    expect(await inside(`head -c 8 ${dir}/planted; wc -c <${dir}/planted`)).toBe('minemine1000000');
  });

  test('a process that is not the child of the supervisor is not entered', async () => {
    const { pid } = await info(root, 'box');
    const program = programPath('tsct-archive');
    const args = ['--enter-pid', String(pid), '--parent', String(process.pid), 'pack', '/etc'];
    const refused = await execa(program, args, { reject: false });
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('no child of');
    expect(refused.stdout).toBe('');
  });
});

describe('cp out of a running container', () => {
  test('brings owners, but no set-id bit, no node, and no link followed', async () => {
    writeFileSync(join(dir, 'secret'), 'host');
    await inside(
      `mkdir -p /root/o; cd /root/o; echo s >s; chown 7:8 s; chmod 6755 s; ln -sfn ${dir}/secret l; mkfifo p`,
    );
    await root.ok(['cp', '-r', 'box:/root/o', dir]);
    expect(lstatSync(join(dir, 'o/s'))).toMatchObject({ uid: 7, gid: 8 });
    expect(lstatSync(join(dir, 'o/s')).mode & 0o7777).toBe(0o755);
    expect(lstatSync(join(dir, 'o/l')).isSymbolicLink()).toBe(true);
    expect(lstatSync(join(dir, 'o/p')).isFIFO()).toBe(true);
  });

  test('a link that the target has is not written through', async () => {
    writeFileSync(join(dir, 'victim'), 'before');
    symlinkSync(join(dir, 'victim'), join(dir, 'hostname'));
    await inside('echo guest >/root/hostname');
    await root.ok(['cp', 'box:/root/hostname', dir]);
    expect(readFileSync(join(dir, 'victim'), 'utf8')).toBe('before');
    expect(readFileSync(join(dir, 'hostname'), 'utf8')).toBe('guest\n');
  });
});
