import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

const it = testNeeding(noRoot());
const root = useRoot();
let dir: string;
let id: string;

const runc = (...args: string[]) => execFileSync('runc', args, { encoding: 'utf8', stdio: 'pipe' });

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsct-bundle-'));
  chmodSync(dir, 0o711); // runc mounts as the container's root, who has to get there
  id = `tsct-test-${process.pid}`;
});
afterEach(() => rmSync(dir, { recursive: true }));

it('start --export-bundle writes what runc runs, with the ids that tsct gives', async () => {
  await root.ok(['create', 'web', '--template', 'busybox']);
  const bundle = join(dir, 'bundle');
  await root.ok(['start', 'web', '--export-bundle', bundle]);
  try {
    // `script` is the terminal that the plan asks for.
    const console = spawn('script', ['-qec', `runc run -b ${bundle} ${id}`, '/dev/null'], {
      stdio: 'ignore',
    });
    const ended = new Promise((done) => console.once('close', done));
    await until('runc runs it', () => {
      const all = JSON.parse(runc('list', '-f', 'json')) as { id: string; status: string }[] | null;
      return (all ?? []).some((one) => one.id === id && one.status === 'running');
    });
    const { base } = (await root.ok(['info', 'web', '--json'])).json<{ idmap: { base: number } }>().idmap;
    const seen = runc(
      'exec',
      id,
      'sh',
      '-c',
      'hostname; cat /proc/1/comm; cat /proc/self/uid_map; echo x > /root/x',
    );
    expect(seen.split(/\s+/).filter(Boolean)).toEqual(['web', 'init', '0', String(base), '65536']);
    runc('kill', id, 'KILL');
    await ended;
  } finally {
    execFileSync('runc', ['delete', '-f', id]);
    execFileSync('umount', [join(bundle, 'rootfs')]);
  }
  // What was written there is in the container, owned by its root.
  await root.ok(['start', 'web']);
  expect(await root.sh('web', 'stat -c %u /root/x')).toBe('0');
});

it('refuses what a bundle cannot say, and leaves nothing', async () => {
  await root.ok(['create', 'web', '--template', 'busybox', '--set', 'Files.Bind=/srv:/mnt:idmap']);
  const bundle = join(dir, 'bundle');
  const { exitCode, stderr } = await root.run(['start', 'web', '--export-bundle', bundle]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain('/mnt');
});

it('start --dry-run prints the plan and starts nothing', async () => {
  await root.ok(['create', 'web', '--template', 'busybox']);
  const plan = (await root.ok(['start', 'web', '--dry-run', '--json'])).json<{
    hostname: string;
    tsct: object;
  }>();
  expect(plan).toMatchObject({ ociVersion: '1.2.0', hostname: 'web', tsct: { name: 'web', format: 1 } });
  expect((await root.ok(['list', '--running', '-q'])).stdout).toBe('');
});
