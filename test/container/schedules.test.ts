import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect } from 'vitest';
import { noRoot, testNeeding } from '../support/requires.js';
import { useRoot } from '../support/temp-root.js';

const root = useRoot();
const it = testNeeding(noRoot());
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
let home = '';

interface Run {
  readonly taken: readonly { readonly name: string; readonly schedule: string; readonly snapshot: string }[];
  readonly expired: Run['taken'];
  readonly failed: readonly { readonly name: string; readonly message: string }[];
}
const runSchedules = async () => (await root.ok(['snapshot', 'run-schedules', '--json'])).json<Run>();
const names = (name = 'box') => {
  try {
    return readdirSync(root.layout.snapshotDir(name)).sort();
  } catch {
    return [];
  }
};
const configure = (lines: readonly string[], name = 'box') =>
  writeFileSync(root.layout.configFile(name), `[Snapshots]\n${lines.join('\n')}\n`);
/** As if all its snapshots had been taken so much earlier: nobody can wait for days. */
function age(byMs: number, name = 'box'): void {
  for (const snapshot of names(name)) {
    const file = join(root.layout.snapshotDir(name), snapshot);
    const record = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...record, createdMs: record.createdMs - byMs }));
  }
}

beforeAll(async () => {
  home = await mkdtemp('/var/tmp/tsct-schedules-');
  await root.ok(['create', 'box', '--template', 'busybox']);
});
afterAll(() => rm(home, { recursive: true, force: true }));
beforeEach(async () => {
  configure([]);
  for (const snapshot of names()) await root.ok(['snapshot', 'delete', `box@${snapshot}`]);
});

describe('snapshot run-schedules', () => {
  it('takes what is due, once, of running containers and of stopped ones where asked for', async () => {
    configure(['Schedule=nightly daily']);
    expect(await runSchedules()).toEqual({ taken: [], expired: [], failed: [] });
    configure(['Schedule=nightly daily', 'Stopped=yes']);
    const first = await root.ok(['snapshot', 'run-schedules']);
    expect(first.stdout).toMatch(/^box@nightly-\d{8}T\d{6}Z\n$/);
    expect((await root.ok(['snapshot', 'run-schedules'])).stdout).toBe('');
    const listed = await root.ok(['snapshot', 'list', 'box', '--json']);
    expect(listed.json()).toMatchObject([{ by: 'schedule nightly', running: false }]);
  });

  it('two at once take one; a week missed is made up for by one', async () => {
    configure(['Schedule=nightly daily', 'Schedule=hourly hourly', 'Stopped=yes', 'PreHook=/bin/sleep 0.3']);
    const runs = await Promise.all([runSchedules(), runSchedules(), runSchedules()]);
    expect(
      runs
        .flatMap((run) => run.taken)
        .map((one) => one.schedule)
        .sort(),
    ).toEqual(['hourly', 'nightly']);
    age(7 * DAY);
    expect((await runSchedules()).taken).toHaveLength(2);
    expect((await runSchedules()).taken).toEqual([]);
    expect(names()).toHaveLength(4);
  });

  it("expires its own by its rule, and nobody else's", async () => {
    configure([
      'Schedule=a daily keep=last:2',
      'Schedule=b daily keep=within:3d',
      'Schedule=c daily',
      'Stopped=yes',
    ]);
    await root.ok(['snapshot', 'create', 'box', 'a-manual']);
    const taken = new Set<string>();
    const expired: string[] = [];
    for (let day = 0; day < 5; day++) {
      const run = await runSchedules();
      expect(run.taken).toHaveLength(3);
      for (const { snapshot } of run.taken) taken.add(snapshot);
      expired.push(...run.expired.map(({ schedule }) => schedule));
      age(DAY);
    }
    expect(names('box').map((name) => name.replace(/-\d.*/, ''))).toEqual(
      ['a', 'a', 'a-manual', 'b', 'b', 'b', 'c', 'c', 'c', 'c', 'c'],
    ); // biome-ignore format: as it is
    expect(expired.sort()).toEqual(['a', 'a', 'a', 'b', 'b']);
    expect(names()).toContain('a-manual');
  });

  it('nothing is given up where nothing is taken', async () => {
    configure(['Schedule=a daily keep=last:1', 'Stopped=yes']);
    await runSchedules();
    age(2 * DAY);
    configure(['Schedule=a daily keep=last:1', 'Stopped=yes', 'PreHook=/bin/false']);
    const run = await root.run(['snapshot', 'run-schedules', '--json']);
    expect(run.exitCode).toBe(1);
    expect(run.json<Run>()).toMatchObject({ taken: [], expired: [], failed: [{ name: 'box' }] });
    expect(names()).toHaveLength(1);
  });

  it('hooks of the host see what it is about; a pre hook that fails: no snapshot, and others go on', async () => {
    await root.ok(['create', 'ok', '--template', 'busybox']);
    configure(['Schedule=n daily', 'Stopped=yes'], 'ok');
    const log = join(home, 'log');
    const hook = (word: string) =>
      `/bin/sh -c 'echo ${word} $TSCT_CONTAINER $TSCT_SCHEDULE $TSCT_SNAPSHOT $TSCT_RESULT >> ${log}'`;
    const config = ['Schedule=n daily', 'Stopped=yes', 'NamePattern={container}.{utc}'];
    configure([
      ...config,
      `PreHook=${hook('pre')}`,
      'PreHook=/bin/sh -c "echo no room >&2; exit 3"',
      `PostHook=${hook('post')}`,
    ]);
    const failed = await root.run(['snapshot', 'run-schedules']);
    expect(failed.exitCode).toBe(1);
    expect(failed.stdout).toMatch(/^ok@n-/);
    expect(failed.stderr).toMatch(/cannot run the pre hook of box@box\.\d+T\d+Z: .*no room/s);
    expect(names()).toEqual([]);
    configure([...config, `PreHook=${hook('pre')}`, `PostHook=${hook('post')}`]);
    const { taken } = await runSchedules();
    const [one] = taken;
    expect(one?.snapshot).toMatch(/^box\.\d+T\d+Z$/);
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    expect(lines.slice(-2)).toEqual([`pre box n ${one?.snapshot}`, `post box n ${one?.snapshot} done`]);
    expect(lines[0]).toMatch(/^pre box n box\./);
    expect(lines).toHaveLength(3); // after a pre hook that failed nothing was begun that a post hook could end
  });

  it('of running containers by default, with the hooks of the guest, and a restore brings the schedule along', async () => {
    configure(['Schedule=n daily', 'FreezeHook=echo frozen > /root/by-hook']);
    await root.ok(['start', 'box']);
    const { taken } = await runSchedules();
    expect(await root.sh('box', 'cat /root/by-hook')).toBe('frozen');
    await root.ok(['stop', 'box']);
    configure([]);
    await root.ok(['snapshot', 'restore', `box@${taken[0]?.snapshot}`, '--discard']);
    expect(readFileSync(root.layout.configFile('box'), 'utf8')).toMatch(/FreezeHook/);
  });

  it('two schedules of one name and a broken config are errors of that container', async () => {
    configure(['Schedule=n daily', 'Schedule=n hourly', 'Stopped=yes']);
    const twins = await root.run(['snapshot', 'run-schedules']);
    expect(twins.exitCode).toBe(1);
    expect(twins.stderr).toMatch(/two schedules named n/);
    configure(['Schedule=n daly', 'Stopped=yes']);
    expect((await root.run(['snapshot', 'run-schedules'])).stderr).toMatch(
      /config:2: Schedule=: "daly" is not one of/,
    );
  });
});
