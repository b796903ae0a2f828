import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './measure.js';

/** Sources beside this file; what runs is compiled to dist/bench. */
export const CHECKOUT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const SOURCES = join(CHECKOUT, 'test/bench');

const STAMP_UNIT = `[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'date +%%s%%N >/stamp.tmp; mv /stamp.tmp /stamp'
[Install]
WantedBy=multi-user.target
`;

export interface Disk {
  readonly path: string;
  unmount(): Promise<void>;
}

/**
 * One journalled ext4 for all state roots and guests: on a file system without a journal, creating files after
 * deleting many is several times slower, and the order of measurements would decide.
 */
export async function mountDisk(): Promise<Disk> {
  const path = join(process.env['TSCT_TEST_DIR'] ?? '/var/tmp', 'tsct-bench');
  const image = `${path}.img`;
  await mkdir(path, { recursive: true });
  if (!existsSync(image)) {
    await run('truncate', ['-s', '12G', image]);
    await run('mkfs.ext4', ['-q', '-F', image]);
  }
  await run('mount', ['-o', 'loop', image, path]);
  return { path, unmount: async () => void (await run('umount', [path])) };
}

export interface Guests {
  /** One static PID 1 that writes down when it ran. */
  readonly tiny: string;
  /** Debian 12 with systemd; a unit writes down when multi-user.target is up. */
  readonly debian: string;
}

/** Builds the two root file systems, once for a disk. */
export async function buildGuests(home: string): Promise<Guests> {
  const guests = { tiny: join(home, 'tiny'), debian: join(home, 'debian') };
  if (!existsSync(guests.tiny)) await whole(guests.tiny, buildTiny);
  if (!existsSync(guests.debian)) await whole(guests.debian, buildDebian);
  return guests;
}

async function whole(path: string, build: (path: string) => Promise<void>): Promise<void> {
  const part = `${path}.part`;
  await rm(part, { recursive: true, force: true });
  await mkdir(part, { recursive: true });
  await build(part);
  await chmod(part, 0o755);
  await rename(part, path);
}

async function buildTiny(root: string): Promise<void> {
  const directories =
    'sbin bin etc proc sys dev run tmp var/log usr/lib usr/sbin usr/bin root home srv mnt opt';
  for (const name of directories.split(' ')) await mkdir(join(root, name), { recursive: true });
  await compile('tiny-init.c', join(root, 'sbin/init'), '-static');
  await cp('/bin/busybox', join(root, 'bin/busybox'));
  for (const name of ['sh', 'true', 'cat', 'ls']) await symlink('busybox', join(root, 'bin', name));
  await writeFile(join(root, 'etc/os-release'), 'ID=tiny\nNAME=tiny\n');
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\n');
}

async function buildDebian(root: string): Promise<void> {
  const packages = '--include=systemd-sysv,dbus,iproute2';
  await run('mmdebstrap', ['--quiet', '--variant=minbase', packages, 'bookworm', root]);
  const units = join(root, 'etc/systemd/system');
  await writeFile(join(units, 'stamp.service'), STAMP_UNIT);
  await mkdir(join(units, 'multi-user.target.wants'), { recursive: true });
  await symlink('../stamp.service', join(units, 'multi-user.target.wants/stamp.service'));
  await writeFile(join(root, 'etc/machine-id'), '');
}

/** Compiles one of the small C programs beside this file. */
export async function compile(source: string, to: string, ...flags: readonly string[]): Promise<void> {
  await run('gcc', ['-O2', '-Wall', ...flags, '-o', to, join(SOURCES, source)]);
}
