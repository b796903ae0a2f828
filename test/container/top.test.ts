import { afterEach, beforeAll, expect, it } from 'vitest';
import type { ContainerStats } from '../../src/lifecycle/stats.js';
import type { TopSample } from '../../src/lifecycle/top.js';
import { Screen } from '../support/screen.js';
import { SLOWNESS, useRoot } from '../support/temp-root.js';

const root = useRoot();
const LONG = 'a-name-that-is-much-too-long-for-one-column-of-80';
const UTF8 = ['LC_ALL=C.UTF-8'];
const open: Screen[] = [];

beforeAll(async () => {
  for (const name of [LONG, 'later']) await root.ok(['create', name, '--template', 'busybox']);
  await root.ok(['create', 'burn', '--template', 'busybox', '--set', 'Resources.CPUQuota=100%']);
  await root.ok(['start', 'burn', LONG]);
  await root.sh('burn', '(while :; do :; done) >/dev/null 2>&1 &');
});

afterEach(async () => {
  for (const screen of open.splice(0)) await screen.close();
});

async function top(columns: number, env: readonly string[] = UTF8): Promise<Screen> {
  const screen = await Screen.open(columns, [`TSCT_ROOT=${root.path}`, ...env], ['top', '--delay', '0.5']);
  open.push(screen);
  return screen;
}

const rowsOf = (text: string) => text.split('\n').slice(4, 7);
const widest = (text: string) => Math.max(...text.split('\n').map((line) => line.length));

it('tells the CPU that is used, as the kernel counts it, the busiest first', async () => {
  const used = async () =>
    (await root.ok(['stats', 'burn', '--json'])).json<ContainerStats[]>()[0]?.cpu.usage ?? 0;
  const [from, fromMs] = [await used(), performance.now()];
  const { stdout } = await root.ok(['top', '--json', '-n', '2', '-d', '1.5']);
  const mean = (((await used()) - from) / (performance.now() - fromMs)) * 1000;
  const samples = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as TopSample);
  expect(samples).toHaveLength(2);
  for (const { containers } of samples) {
    expect(containers.map(({ name }) => name).sort()).toEqual([LONG, 'burn']);
    const busy = containers.find(({ name }) => name === 'burn')?.cpu ?? 0;
    expect(busy).toBeGreaterThan(mean / 2);
    expect(busy).toBeLessThan(1.1);
  }
  const batch = (await root.ok(['top', '--batch', '-n', '1', '-d', '1'])).stdout.split('\n');
  expect(batch[1]).toMatch(/^NAME +STATE +CPU% +MEMORY/);
  expect(batch[2]).toMatch(/^burn +running +[1-9]/);
  expect(batch[3]).toMatch(new RegExp(`^${LONG} +running +[\\d.]+`));
});

it('without a terminal it says what to do instead', async () => {
  const { exitCode, stderr } = await root.run(['top']);
  expect(exitCode).toBe(2);
  expect(stderr).toContain('tsct top --batch');
  expect((await root.run(['top', '--batch', '-n', '1', '--delay', 'soon'])).exitCode).toBe(2);
  expect((await root.run(['top', 'nobody', '--json', '-n', '1'])).exitCode).toBe(3);
});

it('at 80 columns: bars and history, sorted, filtered, with those that come and go', async () => {
  const screen = await top(80);
  // All of one CPU, as far as this machine has one to spare.
  const first = await screen.shows(
    SLOWNESS > 1 ? /^burn +(1[5-9]|[2-9]\d|1\d\d)\.\d █/m : /^burn +([4-9]\d|1\d\d)\.\d █{3}/m,
  );
  expect(widest(first)).toBeLessThanOrEqual(80);
  expect(first.split('\n')).toHaveLength(20);
  const [busiest = '', other = ''] = rowsOf(first);
  expect(Number(/^burn +([\d.]+) /.exec(busiest)?.[1])).toBeLessThan(115);
  expect(busiest).toMatch(/█.*[▁▂▃▄▅▆▇█]/);
  expect(other).toMatch(/^a-name-[a-z-]+… +0\.0 ░+ /);
  expect(first).toMatch(/^q quit .*delay$/m);

  await screen.type('n');
  expect(rowsOf(await screen.shows(/ by name /))[0]).toMatch(/^a-name/);
  await root.ok(['start', 'later']);
  await screen.shows(/^later +/m);
  await root.ok(['stop', '--kill', 'later']);
  await screen.shows(/ 2 running /);
  await screen.type('/', 'b', 'u', 'x', 'BSpace');
  expect(await screen.shows(/^filter: bu_/m)).toMatch(/2 running, 1 shown/);
  await screen.type('Enter', 'q');
  expect(await screen.isRestored()).toBe(true);
  expect(await screen.text()).toContain('code=0');
});

it('at 200 columns there is more of it, and a terminal that becomes narrower gets less', async () => {
  const screen = await top(200);
  const wide = await screen.shows(/^burn +running +[1-9]/m);
  expect(widest(wide)).toBeGreaterThan(180);
  expect(wide).toMatch(
    /^NAME +STATE +CPU% CPU USE +HISTORY +MEMORY +LIMIT MEM USE +TASKS +READ\/s +WRITE\/s +RECV\/s +SENT\/s +UPTIME$/m,
  );
  expect(wide).toContain(`\n${LONG} running`);
  await screen.resize(80);
  const narrow = await screen.shows(/^a-name-[a-z-]+… /m);
  expect(widest(narrow)).toBeLessThanOrEqual(80);
  expect(narrow.split('\n').filter((line) => line.startsWith('burn'))).toHaveLength(1);
  await screen.type('C-c');
  expect(await screen.isRestored()).toBe(true);
});

it('gives the terminal back, whatever ends it', async () => {
  for (const name of ['TERM', 'HUP', 'INT']) {
    const screen = await top(80);
    await screen.shows(/^burn /m);
    await screen.signal(name);
    expect(await screen.isRestored(), name).toBe(true);
    expect(await screen.text()).toContain('code=130');
  }
});

it('no colour where none is wanted, and characters that every terminal has', async () => {
  const [coloured, plain] = [await top(80), await top(80, ['NO_COLOR=1', 'LC_ALL=C'])];
  await coloured.shows(/^burn +[1-9]/m);
  expect(await coloured.coloured()).toContain('\x1b[32m');
  const text = await plain.shows(/^burn +[1-9]/m);
  expect(await plain.coloured()).not.toContain('\x1b[');
  expect(text).toMatch(/^[\x20-\x7e\n]+$/);
});
