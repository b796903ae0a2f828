import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { groupOf } from '../../src/state/groups.js';
import { refused } from '../support/failures.js';
import { systemdHost, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

const root = useRoot();

interface Info {
  readonly state: string;
  readonly pid: number;
  readonly supervisorPid: number;
}

const info = async (name = 'box') => (await root.ok(['info', name, '--json'])).json<Info>();
const outside = () => [...root.traces()].filter((trace) => !trace.startsWith('file '));

beforeAll(async () => {
  await root.ok(['create', 'image']);
});

describe('things of a running container that somebody takes away', () => {
  let before: Info;
  beforeEach(async () => {
    await root.ok(['create', 'box', '--start']);
    before = await info();
  });

  const away: Readonly<Record<string, () => void>> = {
    'the control socket': () => rmSync(root.layout.controlSocket('box')),
    'the run directory': () => rmSync(root.layout.runDir('box'), { recursive: true }),
  };
  for (const [what, take] of Object.entries(away)) {
    test(`${what}: it is found running, works on, stops clean`, async () => {
      take();
      expect((await root.ok(['list', '--json'])).stdout).toContain('"running"');
      expect(await info()).toMatchObject({
        state: 'running',
        pid: before.pid,
        supervisorPid: before.supervisorPid,
      });
      expect(await root.sh('box', 'echo works')).toBe('works');
      take();
      expect((await root.run(['destroy', 'box'])).exitCode, 'not destroyed while it runs').toBe(4);
      take();
      expect((await root.ok(['start', 'box'])).stderr).toContain('running already');
      take();
      await root.ok(['stop', '--all']);
      expect((await info()).state).toBe('stopped');
      expect(outside()).toEqual([]);
    });
  }

  test('the run directory, and the supervisor with it: the next command cleans up', async () => {
    rmSync(root.layout.runDir('box'), { recursive: true });
    process.kill(before.supervisorPid, 'SIGKILL');
    await until('init is gone', () => !readdirSync('/proc').includes(String(before.pid)));
    await root.ok(['start', 'box']);
    expect((await info()).supervisorPid).not.toBe(before.supervisorPid);
    await root.ok(['stop', '--kill', 'box']);
    expect(outside()).toEqual([]);
  });

  testNeeding(systemdHost())(
    'its cgroups, its processes moved out of them: it stops all the same',
    async () => {
      const group = groupOf(root.layout.key('box')) ?? '';
      const top = group.replace(/\/tsct\/.*/, '');
      for (const leaf of ['payload', 'supervisor']) {
        for (const pid of readFileSync(join(group, leaf, 'cgroup.procs'), 'utf8')
          .split('\n')
          .filter(Boolean)) {
          writeFileSync(join(top, 'cgroup.procs'), pid);
        }
        await execa('find', [join(group, leaf), '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']);
      }
      rmdirSync(group);
      expect((await info()).state).toBe('running');
      await root.ok(['stop', 'box', '--timeout', '5']);
      expect((await info()).state).toBe('stopped');
      expect(outside()).toEqual([]);
    },
  );

  test('its directory in the state root: it is stopped by name no more, but its supervisor ends clean', async () => {
    renameSync(root.layout.containerDir('box'), join(root.path, '.elsewhere'));
    await refused(root, ['stop', 'box'], { exitCode: 3, says: /there is no container box/ });
    renameSync(join(root.path, '.elsewhere'), root.layout.containerDir('box'));
    await root.ok(['stop', 'box']);
    expect(outside()).toEqual([]);
  });
});

describe('what a crash of the host or of a supervisor left', () => {
  test('a run directory of nobody, with a socket file and a lock: start takes it over', async () => {
    await root.ok(['create', 'box', '--start']);
    const { supervisorPid } = await info();
    process.kill(supervisorPid, 'SIGKILL');
    await until('it is gone', () => !readdirSync('/proc').includes(String(supervisorPid)));
    expect(readdirSync(root.layout.runDir('box'))).toContain('control');
    await root.ok(['start', 'box']);
    await root.ok(['stop', 'box']);
    expect(outside()).toEqual([]);
  });

  test('a run directory of a container that never started, or is not there at all', async () => {
    await root.ok(['create', 'box']);
    for (const name of ['box', 'nobody']) {
      mkdirSync(root.layout.runDir(name), { recursive: true });
      writeFileSync(join(root.layout.runDir(name), 'lock'), '');
      writeFileSync(join(root.layout.runDir(name), 'pid'), String(process.pid));
    }
    expect((await root.ok(['list', '--json'])).stdout).not.toContain('nobody');
    expect(outside()).toEqual([]);
    await root.ok(['start', 'box']);
  });

  test('a run directory that is a file', async () => {
    await root.ok(['create', 'box']);
    writeFileSync(root.layout.runDir('box'), '');
    const { exitCode, stderr } = await root.run(['start', 'box']);
    if (exitCode !== 0) expect(stderr).toMatch(/^Error: cannot start box: .*\/run\/tsct/m);
    await root.run(['list']);
    rmSync(root.layout.runDir('box'), { recursive: true, force: true });
  });
});
