import type { BackupMade } from '../../lifecycle/backup-create.js';
import type { BackupInfo } from '../../lifecycle/backup-manage.js';
import { table } from './table.js';
import { formatBytes } from './units.js';

/** The table of `backup list`. */
export function renderBackups(backups: readonly BackupInfo[]): string {
  return table(
    ['ID', 'CREATED', 'OF'],
    backups.map(({ id, created, of }) => [id, created.replace(/\.\d+Z$/, 'Z'), of]),
  );
}

/** The line of `backup create`. */
export function renderBackup({ id, of, files, filesRead, bytes, addedBytes, seconds }: BackupMade): string {
  return `${id} ${of}: ${files} files, ${formatBytes(bytes)}; ${filesRead} read, ${formatBytes(addedBytes)} added, ${seconds} s\n`;
}
