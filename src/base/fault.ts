/**
 * Points at which a test kills tsct: one between every two changes on disk that a crash must not tear apart.
 * `tsct fault-points` lists them, test/container/fault-walk.test.ts walks them all and fails for one never reached.
 */
export const FAULT_POINTS = [
  'create.marked',
  'create.filled',
  'store.doomed',
  'snapshot.sealed',
  'snapshot.current',
  'snapshot.unnamed',
  'snapshot.deleted',
  'restore.grown',
  'restore.current',
  'restore.config',
  'restore.kept',
  'clone.sealed',
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

/** Dies here and now, as kill -9 would have it, when the environment variable TSCT_FAULT names this point. */
export function fault(point: FaultPoint): void {
  if (process.env['TSCT_FAULT'] === point) process.kill(process.pid, 'SIGKILL');
}
