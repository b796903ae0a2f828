import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';

const CACHE = process.env['TSCT_TEST_CACHE'] ?? '/var/cache/tsct-test';

/** Debian's promtool, out of its package: to install that would start a server. Undefined: it is not to be had. */
export async function promtool(): Promise<string | undefined> {
  const program = join(CACHE, 'promtool');
  if (existsSync(program)) return program;
  mkdirSync(CACHE, { recursive: true });
  const dir = mkdtempSync(join(CACHE, 'promtool-'));
  const script = 'apt-get -q download prometheus && dpkg-deb --extract prometheus_*.deb .';
  const { exitCode } = await execa('sh', ['-c', script], { cwd: dir, reject: false });
  if (exitCode === 0) renameSync(join(dir, 'usr/bin/promtool'), program);
  rmSync(dir, { recursive: true });
  return exitCode === 0 ? program : undefined;
}
