import { medianOf, type Results } from './operations.js';

/** Over what the command itself costs, ms: CLI start is no part of a snapshot. */
const STORAGE_MS: Readonly<Record<string, number>> = { overlay: 30, btrfs: 20 };

export interface Bar {
  readonly what: string;
  readonly measured: number;
  readonly atMost: number;
}

/** The bars that `npm run bench -- --check` holds. Absent peers take no bar away but their own. */
export function bars(results: Results): Bar[] {
  const tsct = (operation: string) => medianOf(results, operation, 'tsct');
  const lxcBoot = medianOf(results, 'boot debian', 'lxc');
  const bar = (what: string, measured: number, atMost: number): Bar => ({ what, measured, atMost });
  const over = (operation: string, driver: string) =>
    tsct(`${operation} (${driver})`) - tsct(`tsct --version (${driver})`);
  return [
    bar('supervisor private dirty, kB', tsct('supervisor private dirty (kB)'), 100),
    bar(
      'create from a cached image over tsct --version, ms',
      tsct('create (cached image)') - tsct('tsct --version'),
      100,
    ),
    bar('plan in hand to init exec, ms', tsct('native start'), 10),
    bar('list over node -e 0, times', tsct('list, bare cost') / tsct('node -e 0'), 2.5),
    ...(Number.isNaN(lxcBoot)
      ? []
      : [
          bar(
            'Debian boot beside LXC and the start of Node, ms',
            tsct('boot debian'),
            lxcBoot + tsct('node -e 0'),
          ),
        ]),
    ...Object.entries(STORAGE_MS).flatMap(([driver, atMost]) =>
      ['clone', 'snapshot', 'restore'].map((operation) =>
        bar(
          `${operation} of a stopped container over tsct --version, ${driver}, ms`,
          over(operation, driver),
          atMost,
        ),
      ),
    ),
    bar(
      'clone by reflink over tsct --version, times cp -a',
      over('clone', 'reflink') / tsct('cp -a (reflink)'),
      1 / 3,
    ),
    bar(
      'start on the default network over Private=yes, ms',
      tsct('start (network)') - tsct('start (private)'),
      5,
    ),
    bar(
      'start on a network beside 100 others, times alone',
      tsct('start beside 100 (network)') / tsct('start (network)'),
      1.2,
    ),
    bar(
      'accounts of 100 running containers over tsct --version, ms',
      tsct('stats (100 run)') - tsct('--version (100 run)'),
      50,
    ),
    bar(
      'one TCP stream between bare namespaces, times one between containers',
      tsct('one TCP stream, bare (Mbit/s)') / tsct('one TCP stream (Mbit/s)'),
      1 / 0.95,
    ),
    bar('clone by dir, times cp -a', tsct('clone (dir)') / tsct('cp -a (dir)'), 1),
    bar('clone by dir, times lxc-copy', tsct('clone (dir)') / medianOf(results, 'clone (dir)', 'lxc'), 1),
  ];
}
