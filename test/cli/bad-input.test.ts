import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TsctResult, tsct } from '../support/tsct.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tsct-cli-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const run = (...args: string[]): Promise<TsctResult> => tsct(args, { root });
interface JsonError {
  error: { code: string; message: string; hint?: string };
}

describe('bad input', () => {
  it.each([['../x'], [''], ['x'.repeat(65)], ['a/b'], ['a_b']])(
    'create %j: exit 2, says what is allowed, changes nothing',
    async (name) => {
      const { exitCode, stderr, stdout } = await run('create', name);
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/^Error: ".*" is not a container name: .*\nHint: allowed are 1 to 64 letters/);
      expect(stdout).toBe('');
      expect(readdirSync(root)).toEqual([]);
    },
  );

  it('create -a: an option that there is not, exit 2', async () => {
    expect((await run('create', '-a')).exitCode).toBe(2);
    expect((await run('create', '--', '-a')).stderr).toContain('must not begin with "-"');
  });

  it.each([
    [['create', 'web', '--set', 'Exec.Hostnam=x'], 2, 'did you mean Hostname= in [Exec]?'],
    [['create', 'web', '--set', 'Exec'], 2, 'Section.Key=VALUE'],
    [['create', 'web', '--set', 'Start.Order=often'], 2, 'Order='],
    [['create', 'web', '--template', 'nope'], 2, 'busybox'],
    [['create', 'web', '--rootfs', '/nonexistent'], 2, 'no such file or directory'],
    [['create', 'web', '--rootfs', '/x', '--template', 'busybox'], 2, 'rootfs'],
    [['create', 'web', '--release', 'trixie', '--rootfs', '/x'], 2, 'template'],
  ])('%j: exit %d, nothing made', async (args, exitCode, says) => {
    const result = await run(...args);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toContain(says);
    expect(readdirSync(root)).toEqual([]);
  });

  it.each([
    ['start'],
    ['stop'],
    ['restart'],
    ['freeze'],
    ['thaw'],
    ['destroy'],
    ['info'],
    ['wait'],
    ['logs'],
    ['attach'],
    ['console'],
  ])('%s of a container that is not there: exit 3, and no directory or lock is made', async (verb) => {
    const { exitCode, stderr } = await run(verb, 'nope');
    expect(exitCode).toBe(3);
    expect(stderr).toBe(
      'Error: there is no container nope\nHint: make one: tsct create nope --template busybox\n',
    );
    expect(readdirSync(root)).toEqual([]);
  });

  it('exec: every failure of tsct itself is 125', async () => {
    expect((await run('exec', 'nope', '--', 'true')).exitCode).toBe(125);
    expect((await run('exec', 'nope')).exitCode).toBe(125);
    expect((await run('exec', '../x', 'true')).exitCode).toBe(125);
    expect((await run('exec', 'nope', '--bogus', '--', 'true')).exitCode).toBe(125);
  });

  it('several names: all are reported, the exit code is that of the first', async () => {
    const { exitCode, stderr } = await run('stop', 'nope', '../x');
    expect(exitCode).toBe(3);
    expect(stderr).toContain('there is no container nope');
    expect(stderr).toContain('is not a container name');
    expect((await run('stop', '../x', 'nope')).exitCode).toBe(2);
  });

  it('no name, or a name beside --all: exit 2', async () => {
    expect((await run('start')).exitCode).toBe(2);
    expect((await run('stop', '--all', 'web')).exitCode).toBe(2);
  });

  it('a word that is no command: exit 2', async () => {
    const { exitCode, stderr } = await run('craete', 'web');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('"craete" is not a tsct command\nHint: did you mean tsct create?');
  });

  it('cp takes exactly one place in a container', async () => {
    expect((await run('cp', 'a', 'b')).exitCode).toBe(2);
    expect((await run('cp', 'x:/a', 'y:/b')).exitCode).toBe(2);
  });
});

describe('--json', () => {
  it('gives errors a form of their own on stdout', async () => {
    const result = await run('info', 'nope', '--json');
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toBe('');
    expect(result.json<JsonError>().error).toMatchObject({
      code: 'TSCT_NO_CONTAINER',
      message: 'there is no container nope',
      hint: expect.stringContaining('tsct create'),
    });
    expect((await run('list', '--bogus', '--json')).json<JsonError>().error.code).toBe('TSCT_USAGE');
  });

  it('after `--` belongs to the guest', async () => {
    const result = await run('exec', 'nope', '--', 'ls', '--json');
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain('Error: there is no container nope');
  });
});

describe('list', () => {
  it('of nothing: a header, no names, an empty array; the state root is not made', async () => {
    expect((await run('list')).stdout).toBe('NAME  STATE  PID  UPTIME  MEMORY  TASKS  ADDRESSES\n');
    expect((await run('list', '-q')).stdout).toBe('');
    expect((await run('ls', '--json')).json()).toEqual([]);
    rmSync(root, { recursive: true });
    expect((await run('list', '-q')).exitCode).toBe(0);
    mkdirSync(root);
  });

  it('prints bare names with -q; a thousand of them cost less than starting Node does', async () => {
    const timed = async () => {
      const start = performance.now();
      const { stdout } = await run('list', '-q');
      return { ms: performance.now() - start, names: stdout.trimEnd().split('\n') };
    };
    const few = Math.min((await timed()).ms, (await timed()).ms);
    for (let i = 0; i < 1000; i++) mkdirSync(join(root, `c${String(i).padStart(3, '0')}`));
    const [first, second] = [await timed(), await timed()];
    expect(first.names).toHaveLength(1000);
    expect(first.names[7]).toBe('c007');
    // Beside an empty listing, not a clock: the machine may be busy.
    expect(Math.min(first.ms, second.ms)).toBeLessThan(2 * few);
  });

  it('sweeps what an interrupted create or destroy left', async () => {
    for (const dir of ['half', '.doomed-old_99']) mkdirSync(join(root, dir));
    mkdirSync(join(root, 'half', '.partial'));
    mkdirSync(join(root, 'web'));
    expect((await run('list', '-q')).stdout).toBe('web\n');
    expect(readdirSync(root).filter((name) => name !== '.locks')).toEqual(['web']);
  });
});

describe('help', () => {
  it('knows every verb', async () => {
    const { stdout, exitCode } = await run('help');
    expect(exitCode).toBe(0);
    for (const verb of ['create', 'start', 'stop', 'exec', 'config', 'check', 'cp']) {
      expect(stdout).toMatch(new RegExp(`^  ${verb} `, 'm'));
    }
    expect((await run('config', 'set', '--help')).stdout).toContain('Section.Key=VALUE');
    expect((await run('--version')).stdout).toMatch(/^tsct\/\d/);
  });
});
