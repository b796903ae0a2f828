import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createContext } from '../../src/lifecycle/context.js';
import { create } from '../../src/lifecycle/create.js';
import { guestProbe, pairs, probeTree } from '../support/guest-probe.js';
import { until, useRoot } from '../support/temp-root.js';

const root = useRoot();

beforeAll(async () => {
  await root.ok(['create', 'box', '--template', 'busybox', '--start']);
  await root.ok(['cp', await guestProbe(), 'box:/probe']);
});

const consoleOf = (name: string) => readFile(join(root.layout.runDir(name), 'console.log'), 'utf8');

describe('limits that the kernel counts per user', () => {
  const GUESTS = 20;

  test('20 guests have 100 inotify instances each, where the host allows a user 128', async () => {
    const limit = Number(await readFile('/proc/sys/fs/inotify/max_user_instances', 'utf8'));
    // 100 of 128; another host's limit in the same proportion, so that two guests together would be beyond it.
    const each = Math.floor((limit * 100) / 128);
    const tree = await probeTree(root.path);
    const names = Array.from({ length: GUESTS }, (_, number) => `watch${number}`);
    // In this process: twenty command lines would take longer than all the rest.
    const context = createContext({
      root: root.layout.root,
      signal: new AbortController().signal,
      warn: () => {},
      progress: () => {},
    });
    const set = ['Exec.Init=/probe', `Exec.Parameters=inotify ${each}`];
    for (const name of names) await create(context, name, { source: { rootfs: tree }, set });
    await root.ok(['start', ...names]);
    for (const name of names) {
      await until(`${name} has counted`, async () => (await consoleOf(name)).includes('\n'));
      expect(await consoleOf(name), name).toBe(`inotify ${each} OK\r\n`);
    }
    await root.ok(['destroy', '--force', ...names]);
    await rm(tree, { recursive: true });
  });
});

describe('cgroups', () => {
  test('of its own group the guest may write what delegation means, and no limit or switch', async () => {
    const script = 'cd /sys/fs/cgroup; for f in *; do (: >>$f) 2>/dev/null && echo $f; done; true';
    const delegated = (await readFile('/sys/kernel/cgroup/delegate', 'utf8')).trim().split('\n');
    const there = (await root.sh('box', 'ls /sys/fs/cgroup')).split('\n');
    expect((await root.sh('box', script)).split('\n').sort()).toEqual(
      delegated.filter((name) => there.includes(name)).sort(),
    );
    const switches =
      'for f in freeze kill max.depth max.descendants; do echo 1 >/sys/fs/cgroup/cgroup.$f; done 2>&1';
    expect((await root.sh('box', `${switches}; true`)).match(/Permission denied/g)).toHaveLength(4);
  });

  test('groups nested deeper than a path name reaches, and frozen ones, do not outlive it', async () => {
    await root.ok(['create', 'deep', '--template', 'busybox', '--start']);
    await root.ok(['cp', await guestProbe(), 'deep:/probe']);
    const script = `
      /probe deep 40
      mkdir /sys/fs/cgroup/cold; sleep 1000 >/dev/null 2>&1 & pid=$!
      until grep -q sleep /proc/$pid/comm; do :; done
      echo $pid >/sys/fs/cgroup/cold/cgroup.procs; echo 1 >/sys/fs/cgroup/cold/cgroup.freeze`;
    expect(await root.sh('deep', script)).toBe('deep 40 OK');
    await root.ok(['stop', '--kill', 'deep']);
    // That nothing is left is seen after every test.
  });
});

/** Ends while the probe holds the far end of the descriptor that it passed. */
const FLOOD = `
/probe notify >/tmp/said 2>&1 &
until grep -q sent /tmp/said; do sleep 0.1; done
cat /tmp/said`;

describe('a guest that floods its supervisor', () => {
  test('by notifications and descriptors that block whoever closes them: it answers as before', async () => {
    const said = pairs(await root.sh('box', FLOOD));
    // EPERM by SO_PASSRIGHTS (Linux 6.16); older kernels send it, and it is left in the socket.
    expect(said['descriptor']).toMatch(/^(EPERM|OK)$/);
    expect(said['sent']).toBe('OK');
    const info = (await root.ok(['info', 'box', '--json'], { timeoutMs: 20_000 })).json<{
      state: string;
      statusText: string | null;
    }>();
    expect(info).toMatchObject({ state: 'running', statusText: null }); // only PID 1 speaks for the system
    await root.sh('box', 'killall probe');
  });

  test('by its console: the log stays within two files of 256 KiB', async () => {
    await root.sh('box', 'yes 0123456789abcdef | head -c 3000000 >/dev/console; echo the-end >/dev/console');
    await until('it is all read', async () => (await consoleOf('box')).includes('the-end'));
    const size = async (name: string) => (await stat(join(root.layout.runDir('box'), name))).size;
    expect(await size('console.log')).toBeLessThanOrEqual(256 * 1024);
    expect(await size('console.log.1')).toBeLessThanOrEqual(256 * 1024);
    expect(await size('console.log.1')).toBeGreaterThan(200 * 1024);
  });
});
