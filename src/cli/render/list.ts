import type { ContainerSummary } from '../../lifecycle/list.js';
import type { ContainerStats } from '../../lifecycle/stats.js';
import { table } from './table.js';
import { formatBytes, formatDuration } from './units.js';

interface Column {
  readonly cell: (row: ContainerSummary, accounts: ContainerStats | undefined) => string | number | null;
  /** Needs more than what a listing has anyway. */
  readonly isAccount?: true;
}

const account = (cell: (accounts: ContainerStats) => string | number | null): Column => ({
  cell: (_, accounts) => (accounts ? cell(accounts) : null),
  isAccount: true,
});

/** By the names that `--columns` takes; `.max` is the limit of what is before it, `.min` and `.low` what is kept of it. */
const COLUMNS: Readonly<Record<string, Column>> = {
  name: { cell: ({ name }) => name },
  state: { cell: ({ state }) => state },
  pid: { cell: ({ pid }) => pid },
  uptime: { cell: ({ uptime }) => formatDuration(uptime) },
  cpu: account(({ cpu }) => (cpu.usage === null ? null : `${cpu.usage.toFixed(1)} s`)),
  'cpu.max': account(({ cpu }) => (cpu.limit === null ? null : `${Math.round(cpu.limit * 100)}%`)),
  memory: { cell: ({ memory }) => formatBytes(memory) },
  'memory.max': account(({ memory }) => formatBytes(memory.limit)),
  'memory.min': account(({ memory }) => formatBytes(memory.min)),
  'memory.low': account(({ memory }) => formatBytes(memory.low)),
  swap: account(({ memory }) => formatBytes(memory.swap)),
  'swap.max': account(({ memory }) => formatBytes(memory.swapLimit)),
  tasks: { cell: ({ tasks }) => tasks },
  'tasks.max': account(({ tasks }) => tasks.limit),
  addresses: { cell: ({ addresses }) => addresses.join(' ') },
};

/** What is shown when nothing is asked for. */
export const USUAL = 'name,state,pid,uptime,memory,tasks,addresses';

export const COLUMN_NAMES = Object.keys(COLUMNS);

export function needsAccounts(columns: readonly string[]): boolean {
  return columns.some((name) => COLUMNS[name]?.isAccount);
}

/** @param paint colours a state. */
export function renderList(
  columns: readonly string[],
  rows: readonly ContainerSummary[],
  accounts: readonly ContainerStats[],
  paint: (state: string) => string,
): string {
  const byName = new Map(accounts.map((one) => [one.name, one]));
  const cells = rows.map((row) =>
    columns.map((name) => {
      const value = COLUMNS[name]?.cell(row, byName.get(row.name)) ?? '';
      return value === '' ? '-' : String(value);
    }),
  );
  const titles = columns.map((name) => name.toUpperCase());
  return table(titles, cells, (text, i, row) => (columns[i] === 'state' && row >= 0 ? paint(text) : text));
}
