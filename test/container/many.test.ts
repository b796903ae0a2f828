import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SLOWNESS, useRoot } from '../support/temp-root.js';

const root = useRoot();

test('list of 1,000 containers takes less than a second', { timeout: 120_000 * SLOWNESS }, async () => {
  await root.ok(['create', 'c0', '--template', 'busybox']);
  const { layout } = root;
  for (let i = 1; i < 1000; i++) {
    const name = `c${i}`;
    cpSync(layout.containerDir('c0'), layout.containerDir(name), { recursive: true });
  }
  await root.ok(['list', '-q']);
  const start = performance.now();
  const listed = await root.ok(['list', '--json']);
  const tookMs = performance.now() - start;
  expect(listed.json<unknown[]>()).toHaveLength(1000);
  expect(tookMs).toBeLessThan(1000 * SLOWNESS);
});

/** fs.inotify.max_user_instances counts per user of the initial namespace: for each container's own here. */
const GUESTS = 20;
const INSTANCES = 100;

test(`${GUESTS} guests have ${INSTANCES} inotify instances each, whatever the host's limit for one user`, async () => {
  const limit = '/proc/sys/fs/inotify/max_user_instances';
  const was = readFileSync(limit, 'utf8');
  writeFileSync(limit, '128');
  try {
    const names = Array.from({ length: GUESTS }, (_, i) => `watch${i}`);
    for (const name of names) await root.ok(['create', name, '--template', 'busybox']);
    await root.ok(['start', ...names], { timeoutMs: 120_000 * SLOWNESS });
    // busybox's inotifyd makes one instance each; they stay until the container stops
    const script = `mkdir -p /w; i=0; while [ $i -lt ${INSTANCES} ]; do inotifyd true /w & i=$((i+1)); done
      sleep 1; ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c anon_inode:inotify`;
    for (const name of names) expect(Number(await root.sh(name, script)), name).toBe(INSTANCES);
    await root.ok(['stop', '--kill', ...names], { timeoutMs: 120_000 * SLOWNESS });
  } finally {
    writeFileSync(limit, was);
  }
});
