import { spawnSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { type TestContext, type TestFunction, test } from 'vitest';

/** Why a test cannot run here; absent: it can. Said in the list of skips at the end of the run. */
export type Reason = string | undefined;

/** A test that runs when every reason is absent, else is skipped and says why. */
export function testNeeding(...reasons: readonly Reason[]): (name: string, run: TestFunction) => void {
  const reason = reasons.find((one) => one !== undefined);
  if (reason === undefined) return (name, run) => void test(name, run);
  return (name) => void test(name, (context: TestContext) => context.skip(reason));
}

export function noRoot(): Reason {
  return process.getuid?.() === 0 ? undefined : 'needs root';
}

/** Programs are found by a shell, as users find them. */
export function noProgram(program: string): Reason {
  const found = spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  return found ? undefined : `needs the program ${program}`;
}

export function noFilesystem(type: string): Reason {
  const known = readFileSync('/proc/filesystems', 'utf8').split(/\s+/).includes(type);
  return known ? undefined : `this kernel has no ${type}`;
}

const CGROUP2_SUPER_MAGIC = 0x63677270; // linux/magic.h

export function notPureCgroupV2(): Reason {
  const pure = statfsSync('/sys/fs/cgroup').type === CGROUP2_SUPER_MAGIC;
  return pure ? undefined : 'needs a host with cgroup v2 alone';
}

export function notHybridCgroups(): Reason {
  return notPureCgroupV2() ? undefined : 'needs a host with cgroup v1 controllers';
}

/** sd_booted(3): the directory that systemd makes as PID 1. */
export function noSystemd(): Reason {
  const booted = spawnSync('test', ['-d', '/run/systemd/system']).status === 0;
  return booted ? undefined : 'needs a host run by systemd';
}
