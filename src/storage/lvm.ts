import { ExitCode, TsctError } from '../base/errors.js';
import { run } from '../base/exec.js';
import type { HostPath } from '../base/paths.js';
import type { VolumeMaker } from './volume-note.js';

/**
 * Volumes in a thin pool, by lvm2's tools (lvmthin(7)). A volume is named VG/NAME. Each carries the tag `tsct`, without
 * which it is never removed, and one that tells the state root; and lvm2's mark that it is not activated at boot:
 * a hundred snapshots cost the host nothing until somebody looks into one.
 */

const TAG = 'tsct';

/**
 * Makes an ext4 file system of its own as large as the pool is: what it takes is what is written. It knows project
 * quotas, which is how SizeMax= limits it.
 * @throws TSCT_NO_POOL, TSCT_POOL_FULL, TSCT_PROGRAM_MISSING (exit 5), TSCT_PROGRAM_FAILED.
 */
export async function makeVolume(pool: string, volume: string, maker: VolumeMaker): Promise<void> {
  const bytes = await poolBytes(pool);
  const words = ['-y', '--thin', '--virtualsize', `${bytes}b`, ...marks(volume, maker), '-K', '-ay', pool];
  await lvm('lvcreate', words, `make a volume in thin pool ${pool}`, maker);
}

/** Empty but for what mkfs makes; a volume of a thin pool reads as zeros, and has nothing to be discarded. */
export async function makeFileSystem(volume: string): Promise<void> {
  const extended = 'assume_storage_prezeroed=1,nodiscard,quotatype=prjquota';
  await run('mkfs.ext4', ['-q', '-m', '0', '-O', 'quota,project', '-E', extended, deviceOf(volume)], {
    doing: `make a file system on ${volume}`,
    debianPackage: 'e2fsprogs',
  });
}

/**
 * A volume with the content of another at one moment: the kernel writes out and holds its file system for that.
 * @throws TSCT_PROGRAM_FAILED, when the pool is full as well.
 */
export async function snapshotVolume(origin: string, volume: string, maker: VolumeMaker): Promise<void> {
  await lvm('lvcreate', ['-s', ...marks(volume, maker), origin], `snapshot volume ${origin}`, maker);
}

/** Mounts it. Freed blocks go back to the pool at once: nobody else would give them back. */
export async function mountVolume(volume: string, at: HostPath): Promise<void> {
  const doing = `mount volume ${volume}`;
  await lvm('lvchange', ['-ay', '-K', volume], doing);
  await run('mount', ['-t', 'ext4', '-o', 'nodev,discard,prjquota', deviceOf(volume), at], { doing });
}

/** One that is not there, or is not tsct's, is no error: nothing is selected then. */
export async function removeVolume(volume: string): Promise<void> {
  const [group, name] = volume.split('/');
  const which = `vg_name=${group} && lv_name=${name} && lv_tags=${TAG}`;
  await lvm('lvremove', ['-f', '-y', '-S', which], `remove volume ${volume}`);
}

/** @throws TSCT_NO_POOL. */
async function poolBytes(pool: string): Promise<number> {
  const words = [
    '--noheadings',
    '--nosuffix',
    '--units',
    'b',
    '--separator',
    ':',
    '-o',
    'lv_size,segtype',
    pool,
  ];
  const said = await lvm('lvs', words, `look at thin pool ${pool}`).catch((error: unknown) => {
    throw error instanceof TsctError && error.code === 'TSCT_PROGRAM_FAILED' ? noPool(pool, error) : error;
  });
  const [bytes, type] = said.trim().split(':');
  if (type !== 'thin-pool') throw noPool(pool);
  return Number(bytes);
}

function noPool(pool: string, cause?: TsctError): TsctError {
  return new TsctError('TSCT_NO_POOL', `cannot use ${pool}: there is no such thin pool`, {
    exitCode: ExitCode.HostLacks,
    hint: `lvs tells which there are; make one: lvcreate -T -L SIZE ${pool}`,
    cause,
  });
}

function marks(volume: string, { stateRoot }: VolumeMaker): string[] {
  // Of what a path may have, lvm2 takes these.
  const tags = [TAG, `tsct=${stateRoot.replace(/[^\w+.\-/=!:&#]/g, '_')}`];
  const name = volume.slice(volume.indexOf('/') + 1);
  return ['--name', name, ...tags.flatMap((tag) => ['--addtag', tag]), '-ky'];
}

function deviceOf(volume: string): HostPath {
  return `/dev/${volume}`;
}

/** Never interrupted: lvm2 would leave a device suspended. */
async function lvm(
  program: string,
  words: readonly string[],
  doing: string,
  maker?: VolumeMaker,
): Promise<string> {
  try {
    return await run(program, words, {
      doing,
      debianPackage: 'lvm2',
      env: { LC_ALL: 'C.UTF-8', LVM_SUPPRESS_FD_WARNINGS: '1' },
      ...(maker ? { fds: [maker.pinFd] } : {}),
    });
  } catch (error) {
    if (!(error instanceof TsctError) || error.code !== 'TSCT_PROGRAM_FAILED') throw error;
    throw explained(error, doing);
  }
}

/** What lvm2 2.03 says, for the two failures that the user can mend. */
function explained(error: TsctError, doing: string): TsctError {
  if (/reached threshold|out of (meta)?data space/i.test(error.message)) {
    return new TsctError('TSCT_POOL_FULL', `cannot ${doing}: the pool is full`, {
      hint: 'make it larger: lvextend -L +SIZE VG/POOL (or --poolmetadatasize +SIZE; lvs tells which), or destroy what is not needed',
      cause: error,
    });
  }
  if (/device-mapper driver|mapper\/control/.test(error.message)) {
    return new TsctError('TSCT_HOST_NO_DEVICE_MAPPER', `cannot ${doing}: this kernel has no device mapper`, {
      exitCode: ExitCode.HostLacks,
      hint: 'modprobe dm-thin-pool, or another Storage.Driver',
      cause: error,
    });
  }
  return error;
}
