import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { type TestContext, type TestFunction, type TestOptions, test } from 'vitest';

/** Why a test cannot run here; absent: it can. Said in the list of skips at the end of the run. */
export type Reason = string | undefined;

/** A test that runs when every reason is absent, else is skipped and says why. */
export function testNeeding(
  ...reasons: readonly Reason[]
): (name: string, run: TestFunction, options?: TestOptions) => void {
  const reason = reasons.find((one) => one !== undefined);
  if (reason === undefined) return (name, run, options = {}) => void test(name, options, run);
  return (name) => void test(name, (context: TestContext) => context.skip(reason));
}

export function noRoot(): Reason {
  return process.getuid?.() === 0 ? undefined : 'needs root';
}

export function noFilesystem(type: string): Reason {
  const known = readFileSync('/proc/filesystems', 'utf8').split(/\s+/).includes(type);
  return known ? undefined : `this kernel has no ${type}`;
}

/** Programs are found by a shell, as users find them. */
export function noProgram(program: string): Reason {
  const found = spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  return found ? undefined : `needs the program ${program}`;
}

/** @param kind of link, as ip-link(8) calls it. */
export function noLink(kind: string): Reason {
  const made = spawnSync('unshare', ['--net', 'ip', 'link', 'add', 'probe0', 'type', kind]).status === 0;
  return made ? undefined : `this kernel has no ${kind} links`;
}

/** A kind of link, tried in a namespace that is gone afterwards. */
export function noLinkKind(kind: string, ...words: string[]): Reason {
  const script = `ip link add name p0 type veth peer name p1 && ip link add link p0 name p2 type ${[kind, ...words].join(' ')}`;
  const made = spawnSync('unshare', ['--net', 'sh', '-c', script]).status === 0;
  return made ? undefined : `this kernel has no links of type ${kind}`;
}

/** @param version such as `6.6`: of the kernel that something came with. */
export function olderLinux(version: string, lacks: string): Reason {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const [needsMajor = 0, needsMinor = 0] = version.split('.').map(Number);
  const isOlder = major < needsMajor || (major === needsMajor && minor < needsMinor);
  return isOlder ? `${lacks} before Linux ${version}` : undefined;
}

/** sd_booted(3): there a supervisor is a service of systemd's, not a child of ours. */
export function systemdHost(): Reason {
  return existsSync('/run/systemd/system') ? 'needs a host that is not run by systemd' : undefined;
}
