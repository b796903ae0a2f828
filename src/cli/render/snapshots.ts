import type { SnapshotInfo } from '../../lifecycle/snapshot-manage.js';
import { table } from './table.js';
import { formatBytes } from './units.js';

/** The table of `snapshot list`. */
export function renderSnapshots(snapshots: readonly SnapshotInfo[]): string {
  return table(
    ['SNAPSHOT', 'CREATED', 'BY', 'RUNNING', 'STOOD STILL', 'COPIED'],
    snapshots.map(({ snapshot, created, by, running, frozenMs, copiedBytes }) => [
      snapshot,
      created.replace(/\.\d+Z$/, 'Z'),
      by,
      running ? 'yes' : 'no',
      running ? `${frozenMs} ms` : '-',
      running ? formatBytes(copiedBytes) : '-',
    ]),
  );
}
