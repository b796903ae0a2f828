import { appendFileSync } from 'node:fs';

/**
 * Points at which a test kills tsct: one between every two changes on disk that a crash must not tear apart.
 * `tsct fault-points` lists them, test/container/fault-walk.test.ts walks them all and fails for one never reached.
 */
export const FAULT_POINTS = [
  'create.marked',
  'create.filled',
  'store.unswept',
  'store.doomed',
  'thin.noted',
  'thin.made',
  'thin.hidden',
  'thin.dropped',
  'snapshot.frozen',
  'snapshot.sealed',
  'snapshot.current',
  'snapshot.unnamed',
  'restore.grown',
  'restore.current',
  'restore.config',
  'restore.kept',
  'clone.sealed',
  'destroy.doomed',
  'destroy.swept',
  'volume.filled',
  'volume.doomed',
  'export.written',
  'import.unpacked',
  'receive.unpacked',
  'receive.laid',
  'receive.named',
  'change.noted',
  'change.planned',
  'change.kept',
  'change.limited',
  'change.changed',
  'change.committed',
  'change.ended',
  'backup.held',
  'backup.saved',
  'backup.restored',
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

/**
 * Dies here and now, as kill -9 would have it, when the environment variable TSCT_FAULT names this point. With
 * TSCT_FAULT_LOG=FILE it tells there that it came by.
 */
export function fault(point: FaultPoint): void {
  const log = process.env['TSCT_FAULT_LOG'];
  if (log !== undefined) appendFileSync(log, `${point}\n`);
  if (process.env['TSCT_FAULT'] === point) process.kill(process.pid, 'SIGKILL');
}
