import { describe } from 'vitest';
import { LONG } from '../support/chance.js';
import { testSnapshotsOfWriter } from '../support/snapshot-writer.js';
import { useRoot } from '../support/temp-root.js';

/** The long run takes a hundred, of a log that gets longer and longer. The file is sparse. */
const LONG_DISK_BYTES = 24 * 2 ** 30;

describe.each([
  ['overlay', 'ext4'],
  ['reflink', 'xfs'],
  ['btrfs', 'btrfs'],
] as const)('a guest that writes at full speed, driver %s on %s', (driver, fileSystem) => {
  const root = useRoot(fileSystem, LONG ? LONG_DISK_BYTES : undefined);
  const create = () => root.ok(['create', 'box', '--set', `Storage.Driver=${driver}`]);
  testSnapshotsOfWriter(root, create, LONG ? 100 : 6);
});
