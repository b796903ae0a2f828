import { describe } from 'vitest';
import { LONG } from '../support/chance.js';
import { testSnapshotsOfWriter } from '../support/snapshot-writer.js';
import { useRoot } from '../support/temp-root.js';

describe.each([
  ['overlay', 'ext4'],
  ['reflink', 'xfs'],
  ['btrfs', 'btrfs'],
] as const)('a guest that writes at full speed, driver %s on %s', (driver, fileSystem) => {
  const root = useRoot(fileSystem);
  const create = () => root.ok(['create', 'box', '--set', `Storage.Driver=${driver}`]);
  // What the issue wants is a hundred; the long run takes them.
  testSnapshotsOfWriter(root, create, LONG ? 100 : 6);
});
