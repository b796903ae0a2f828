import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestRoot } from '../support/temp-root.js';
import { tsct, tsctOk } from '../support/tsct.js';

/** Asked inside: does everything that should run, run? */
const HEALTH = 'systemctl is-system-running --wait; systemctl --failed --no-legend --plain';

describe('template host', () => {
  let root: TestRoot;
  beforeAll(async () => {
    root = await TestRoot.create();
  });
  afterAll(() => root?.dispose());

  test("boots the host's own init, with /usr read-only and its set-id programs the container's", async () => {
    await root.ok(['create', 'twin', '--template', 'host']);
    await root.ok(['start', 'twin', '--wait']);
    const name = await root.sh('twin', 'cat /proc/1/comm');
    expect(['systemd', 'init']).toContain(name);
    if (name === 'systemd') expect(await root.sh('twin', HEALTH)).toBe('running');
    expect(await root.sh('twin', 'touch /usr/x 2>/dev/null || echo refused')).toBe('refused');
    expect(await root.sh('twin', 'stat -c %u:%a /usr/bin/su')).toBe('0:4755');
    expect(await root.sh('twin', 'touch /etc/x /var/x && echo fresh')).toBe('fresh');
    await root.ok(['stop', 'twin']);
  });
});

describe('template debian', () => {
  // Kept between runs, as users keep theirs: an image takes half a minute and a mirror.
  const cached = join(process.env['TSCT_TEST_CACHE'] ?? '/var/cache/tsct-test', 'template-root');
  const names = ['deb-a', 'deb-b'];
  const destroy = () => tsct(['destroy', '--force', ...names], { root: cached });
  beforeAll(async () => {
    await mkdir(cached, { recursive: true, mode: 0o700 });
    await destroy();
    await tsctOk(['create', 'deb-a', '--template', 'debian'], { root: cached, timeoutMs: 900_000 });
  }, 900_000);
  afterAll(destroy);

  test('boots with nothing failed; the second container copies nothing and is another machine', async () => {
    await tsctOk(['create', 'deb-b', '--template', 'debian', '--start', '--wait'], { root: cached });
    await tsctOk(['start', 'deb-a', '--wait'], { root: cached });
    const ask = async (name: string, script: string) =>
      (await tsctOk(['exec', name, '-T', '--', 'sh', '-c', script], { root: cached })).stdout.trimEnd();
    const ids = await Promise.all(names.map((name) => ask(name, 'cat /etc/machine-id')));
    expect(new Set(ids).size).toBe(2);
    expect(ids.join('')).toMatch(/^[0-9a-f]{64}$/);
    for (const name of names) expect(await ask(name, HEALTH)).toBe('running');
    expect(await ask('deb-a', 'hostname; ls /etc/ssh/ssh_host_* 2>/dev/null; ip -o link | wc -l')).toMatch(
      /^deb-a\n\d+$/,
    );
    const layers = await Promise.all(
      names.map(
        async (name) =>
          (await tsctOk(['info', name, '--json'], { root: cached })).json<{ root: { layers: string[] } }>()
            .root.layers,
      ),
    );
    expect(layers[0]).toHaveLength(1);
    expect(layers[0]).toEqual(layers[1]);
    await tsctOk(['stop', ...names], { root: cached });
  });
});
