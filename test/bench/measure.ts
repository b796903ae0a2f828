import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';

const POLL_MS = 2;

/** Runs a program to its end; fails with the end of its stderr. */
export async function run(file: string, args: readonly string[] = []): Promise<string> {
  const { stdout } = await execa(file, [...args], { stdin: 'ignore', timeout: 300_000 });
  return stdout;
}

/** Milliseconds that the job took. */
export async function timed(job: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await job();
  return performance.now() - start;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Milliseconds since the epoch: the clock that stamps in a guest are made by. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * The stamp that a guest writes (ns since the epoch, as text), not older than `sinceMs`: an image can hold an older one.
 * @param path asked for each time: a root reached by /proc/PID/root changes with the PID.
 */
export async function stampMs(path: () => string, sinceMs: number, timeoutMs = 60_000): Promise<number> {
  const end = epochMs() + timeoutMs;
  while (epochMs() < end) {
    const stamp = existsSync(path()) ? Number(readFileSync(path(), 'utf8').trim()) / 1e6 : 0;
    if (stamp >= sinceMs) return stamp;
    await sleep(POLL_MS);
  }
  throw new Error(`${path()} did not appear`);
}

/** One field of /proc/PID/smaps_rollup, in kB. */
export function memoryKb(pid: number, field: 'Pss' | 'Private_Dirty'): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? Number.NaN);
}

/** PSS of a manager's own processes for one container: its init's ancestors up to the first that was there before. */
export function managerPssKb(initPid: number): number {
  const ours = new Set([0, 1, process.pid]);
  for (let pid = process.ppid; pid > 1; pid = parentOf(pid)) ours.add(pid);
  let sum = 0;
  for (let pid = parentOf(initPid); !ours.has(pid); pid = parentOf(pid)) sum += memoryKb(pid, 'Pss');
  return sum;
}

function parentOf(pid: number): number {
  const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1) ?? '';
  return Number(afterName.split(' ')[1]);
}
