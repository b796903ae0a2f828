import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import type { CheckReport } from '../../src/lifecycle/check.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { CHECKOUT, tsct } from '../support/tsct.js';

const it = testNeeding(noRoot());
let dir: string;

beforeEach(() => {
  dir = mkdtempSync('/var/tmp/tsct-check-');
});
afterEach(() => {
  expect(readdirSync(dir), 'left behind').toEqual([]);
  rmSync(dir, { recursive: true });
});

/** `tsct check --json` in a mount namespace where a shell line has run first. */
function checkAfter(script: string, command = '"$NODE" "$CLI"') {
  const result = spawnSync('unshare', ['-m', 'sh', '-euc', `${script}\n${command} check --json`], {
    env: {
      ...process.env,
      NODE: process.execPath,
      CLI: join(CHECKOUT, 'bin/tsct.js'),
      DIR: dir,
      TSCT_ROOT: dir,
    },
    encoding: 'utf8',
  });
  const report: CheckReport = JSON.parse(result.stdout);
  return {
    exitCode: result.status,
    ok: report.ok,
    missing: report.checks.filter(({ status }) => status === 'missing').map(({ name }) => name),
  };
}

describe('tsct check', () => {
  it('says that containers can run on a host where the suite runs them', async () => {
    const result = await tsct(['check', '--json'], { root: join(dir, 'not/yet/made') });
    const report = result.json<CheckReport>();
    expect(report.checks.filter(({ status }) => status === 'missing')).toEqual([]);
    expect(result.exitCode).toBe(0);
    for (const line of report.checks) expect(line.fix === undefined, line.name).toBe(line.status === 'ok');
  });

  it('prints a fix for each problem, and with --problems nothing else', async () => {
    const { stdout, exitCode } = await tsct(['check', '--problems'], {
      root: dir,
      env: { PATH: '/nowhere' },
    });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('fix: apt-get install busybox-static');
    expect(stdout).not.toMatch(/^ {2}ok /m);
    expect(stdout).toMatch(/\nContainers can run here\.\n$/);
  });

  it('ends with 5 where the state root cannot be id-mapped', () => {
    expect(checkAfter('mount -t ramfs none "$DIR"')).toEqual({
      exitCode: 5,
      ok: false,
      missing: ['id-mapped mounts'],
    });
  });

  it('ends with 5 on a read-only state root', () => {
    const report = checkAfter('mount -t tmpfs -o ro none "$DIR"');
    expect(report).toMatchObject({ exitCode: 5, missing: expect.arrayContaining(['state root']) });
  });

  it('ends with 5 without a cgroup2 tree', () => {
    const report = checkAfter('umount -R -l /sys/fs/cgroup');
    expect(report).toMatchObject({ exitCode: 5, missing: ['mode'] });
  });

  it('tells somebody who is not root to be root, and tries nothing', () => {
    const report = checkAfter('', 'setpriv --reuid 65534 --regid 65534 --clear-groups "$NODE" "$CLI"');
    expect(report).toEqual({ exitCode: 5, ok: false, missing: ['root'] });
  });
});
