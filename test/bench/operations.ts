import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { CHECKOUT, compile } from './guests.js';
import type { Manager, Tsct } from './managers.js';
import { epochMs, managerPssKb, median, memoryKb, run, stampMs, timed } from './measure.js';

/** Names of the two containers that every manager has. */
export const TINY = 'bench-tiny';
export const DEBIAN = 'bench-debian';

/** Medians by operation, then by manager. Times in ms, memory in kB. */
export type Results = Map<string, Map<string, number[]>>;

export function put(results: Results, operation: string, who: string, value: number): void {
  const row = results.get(operation) ?? new Map<string, number[]>();
  results.set(operation, row);
  row.set(who, [...(row.get(who) ?? []), value]);
}

/** From asking to the stamp that the guest writes, and to the return of `start`. */
export async function started(manager: Manager, name: string): Promise<{ upMs: number; returnsMs: number }> {
  const since = epochMs();
  const returnsMs = await timed(() => manager.start(name));
  const root = await manager.rootOf(name);
  return { upMs: (await stampMs(() => join(root, 'stamp'), since)) - since, returnsMs };
}

/** Every manager in turn, round by round; the first round warms caches and is not counted. */
export async function rounds(
  managers: readonly Manager[],
  count: number,
  one: (manager: Manager, keep: (operation: string, value: number) => void) => Promise<void>,
  results: Results,
): Promise<void> {
  for (let round = 0; round <= count; round++) {
    for (const manager of managers) {
      await one(manager, (operation, value) => {
        if (round > 0) put(results, operation, manager.name, value);
      });
    }
  }
}

export async function startAndStop(managers: readonly Manager[], count: number, results: Results) {
  for (const [name, up, stop] of [
    [TINY, 'start to init', 'stop tiny'],
    [DEBIAN, 'boot debian', 'stop debian'],
  ] as const) {
    await rounds(
      managers,
      count,
      async (manager, keep) => {
        const { upMs, returnsMs } = await started(manager, name);
        keep(up, upMs);
        if (name === TINY) keep('start returns', returnsMs);
        keep(stop, await timed(() => manager.stop(name)));
      },
      results,
    );
  }
}

/** What needs running containers: exec, and the memory of a manager's own processes for one. */
export async function whileRunning(managers: readonly Manager[], count: number, results: Results) {
  for (const manager of managers) await started(manager, TINY);
  await rounds(
    managers,
    count,
    async (manager, keep) => keep('exec', await timed(() => manager.exec(TINY))),
    results,
  );
  for (const manager of managers) {
    put(results, 'own memory (PSS kB)', manager.name, managerPssKb(await manager.initPid(TINY)));
    await manager.stop(TINY);
  }
}

export async function listing(managers: readonly Manager[], count: number, results: Results) {
  await rounds(managers, count, async (manager, keep) => keep('list', await timed(manager.list)), results);
}

/** What only tsct is asked: each bar beside what it is measured against, in turn. */
export async function ownBars(tsct: Tsct, count: number, results: Results): Promise<void> {
  const node = () => run(process.execPath, ['-e', '0']);
  const image = 'bench-image';
  await tsct.destroy(image);
  await tsct.cli('create', image, '--template', 'busybox'); // fills the cache of images
  for (let round = 0; round < count; round++) {
    await tsct.destroy(image);
    put(
      results,
      'create (cached image)',
      'tsct',
      await timed(() => tsct.cli('create', image, '--template', 'busybox')),
    );
    put(results, 'tsct --version', 'tsct', await timed(() => tsct.cli('--version')));
    put(results, 'list, bare cost', 'tsct', await timed(tsct.list));
    put(results, 'node -e 0', 'tsct', await timed(node));
  }
  await tsct.destroy(image);
  await started(tsct, TINY);
  const { supervisorPid } = await tsct.info(TINY);
  put(results, 'supervisor private dirty (kB)', 'tsct', memoryKb(supervisorPid, 'Private_Dirty'));
  await tsct.stop(TINY);
  await nativeStart(tsct, count, results);
}

/** Plan in hand to init exec'd: the supervisor started by a C program on a plan that `start --dry-run` printed. */
async function nativeStart(tsct: Tsct, count: number, results: Results): Promise<void> {
  const launcher = join(tsct.root, '..', 'launch-timed');
  const plan = join(tsct.root, '..', 'plan.json');
  await compile('launch-timed.c', launcher);
  // Without the white space for people: as the command line hands it over.
  await writeFile(plan, JSON.stringify(JSON.parse(await tsct.cli('start', TINY, '--dry-run', '--json'))));
  for (let round = 0; round <= count; round++) {
    const { stdout } = await execa(launcher, [join(CHECKOUT, 'native/build/tsct-supervisor'), plan]);
    const [before = '', report = ''] = stdout.split('\n');
    if (!report.includes('"started"')) throw new Error(`the supervisor said ${report}`);
    const since = Number(before) / 1e6;
    const root = await tsct.rootOf(TINY);
    if (round > 0) {
      put(results, 'native start', 'tsct', (await stampMs(() => join(root, 'stamp'), since)) - since);
    }
    await tsct.stop(TINY);
  }
}

export function medianOf(results: Results, operation: string, who: string): number {
  return median(results.get(operation)?.get(who) ?? []);
}
