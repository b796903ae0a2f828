import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { findCgroupMounts } from '../../src/host/cgroup-layout.js';
import { readMountTable } from '../../src/host/mount-table.js';
import { programPath } from '../../src/supervisor/programs.js';
import { noRoot, testNeeding } from '../support/requires.js';

const it = testNeeding(noRoot());
const PROBE = programPath('tsct-probe');
const unified = findCgroupMounts(readMountTable())?.unifiedMount ?? '';

interface Found {
  readonly name: string;
  readonly ok: boolean;
  readonly error?: { readonly call: string; readonly errno: number; readonly detail: string };
}

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsct-probe-test-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

/** Runs a shell line as the owner of a private mount namespace, with $PROBE and $DIR. */
function findings(script: string): Map<string, Found> {
  const text = execFileSync('unshare', ['-m', 'sh', '-euc', script], {
    env: { ...process.env, PROBE, DIR: dir, UNIFIED: unified },
    encoding: 'utf8',
  });
  return new Map(JSON.parse(text).findings.map((found: Found) => [found.name, found]));
}

const groups = () => readdirSync(unified).filter((name) => name.startsWith('tsct-probe-'));

describe('tsct-probe', () => {
  it('finds what every supported host has, and leaves nothing behind', () => {
    const found = findings('"$PROBE" "$DIR" "$UNIFIED"');
    const needed = ['user-namespace', 'namespaces', 'pidfd-setns', 'guest-mounts', 'openat2', 'sealed-memfd'];
    const groupsNeeded = ['clone-into-cgroup', 'cgroup-freeze', 'cgroup-kill', 'device-program'];
    for (const name of [...needed, ...groupsNeeded, 'seccomp', 'idmapped-mount', 'overlay']) {
      expect(found.get(name), name).toEqual({ name, ok: true });
    }
    expect(readdirSync(dir)).toEqual([]);
    expect(groups()).toEqual([]);
  });

  it('sees that ramfs cannot be id-mapped, and says by which call', () => {
    const found = findings('mount -t ramfs none "$DIR"; "$PROBE" "$DIR" ""');
    expect(found.get('idmapped-mount')).toMatchObject({
      ok: false,
      error: { call: 'mount_setattr', errno: 22 },
    });
    expect(found.get('overlay')).toMatchObject({ ok: false });
    expect(found.has('cgroup-kill')).toBe(false);
  });

  it('sees a read-only file system', () => {
    const found = findings('mount -t tmpfs -o ro none "$DIR"; "$PROBE" "$DIR" ""');
    expect(found.get('overlay')).toMatchObject({ ok: false, error: { call: 'mkdir', errno: 30 } });
  });

  it('sees masked /proc: a guest could not mount its own', () => {
    // What an outer container does to its guests (mount_too_revealing in the kernel).
    const found = findings('mount -t tmpfs none /proc/irq; mount -t tmpfs none /proc/sys; "$PROBE" "" ""');
    expect(found.get('guest-mounts')).toMatchObject({ ok: false, error: { call: 'mount', errno: 1 } });
    expect(found.get('namespaces')).toMatchObject({ ok: true });
  });

  it('removes what a killed probe left, and nothing of one that runs', async () => {
    const gone = spawn('true');
    await once(gone, 'exit');
    mkdirSync(join(dir, `.tsct-probe-${gone.pid}/lower/dir`), { recursive: true });
    mkdirSync(join(dir, `.tsct-probe-${process.pid}`));
    findings('"$PROBE" "$DIR" ""');
    expect(readdirSync(dir)).toEqual([`.tsct-probe-${process.pid}`]);
  });

  it('changes no owner of the directory it looks at', () => {
    const before = execFileSync('stat', ['-c', '%u %g %a', dir], { encoding: 'utf8' });
    findings('"$PROBE" "$DIR" ""');
    expect(execFileSync('stat', ['-c', '%u %g %a', dir], { encoding: 'utf8' })).toBe(before);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(dir);
  });
});
