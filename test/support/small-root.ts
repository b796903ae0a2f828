import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';

/** A directory that goes when the test is done. */
export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tsct-test-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** The smallest system: the host's static busybox and what `init` says, a shell script; undefined: no init at all. */
export async function smallRoot(init?: string, mode = 0o755): Promise<string> {
  const root = await temporaryDirectory();
  chmodSync(root, 0o755);
  for (const dir of ['bin', 'sbin', 'etc', 'proc', 'sys', 'dev', 'run', 'tmp', 'var'])
    mkdirSync(join(root, dir));
  const busybox = (await execa('sh', ['-c', 'command -v busybox'])).stdout;
  copyFileSync(busybox, join(root, 'bin/busybox'));
  for (const applet of ['sh', 'sleep', 'cat', 'echo', 'true'])
    symlinkSync('busybox', join(root, 'bin', applet));
  if (init !== undefined) {
    writeFileSync(join(root, 'sbin/init'), init);
    chmodSync(join(root, 'sbin/init'), mode);
  }
  return root;
}
