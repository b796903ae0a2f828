import type { TopRow } from '../../lifecycle/top.js';
import { formatBytes, formatDuration } from '../render/units.js';
import { bar, type Glyphs, sparkline } from './bars.js';

/** What a cell is made of besides its row. */
export interface CellContext {
  /** CPUs kept busy at the last looks, the newest last. */
  readonly history: readonly number[];
  readonly hostMemory: number;
  readonly hostCpus: number;
  readonly glyphs: Glyphs;
}

export interface Column {
  readonly title: string;
  readonly width: number;
  /** How wide it may become where there is room. */
  readonly widest?: number;
  /** Words stand on the left, numbers on the right. */
  readonly isText?: true;
  readonly cell: (row: TopRow, context: CellContext, width: number) => string;
  /** How much of what there is is used, 0 to 1: the colour. */
  readonly share?: (row: TopRow, context: CellContext) => number | null;
}

const perSecond = (bytes: number | null) => (bytes === null ? '-' : formatBytes(bytes));

const cpuShare = ({ cpu, cpuLimit }: TopRow, { hostCpus }: CellContext) =>
  cpu === null ? null : cpu / (cpuLimit ?? hostCpus);
const memoryShare = ({ memory, memoryLimit }: TopRow, { hostMemory }: CellContext) =>
  memory === null ? null : memory / (memoryLimit ?? hostMemory);

/** In the order in which they stand, each with its rank: where there is no room for all, the last ranks are left out. */
const COLUMNS: readonly (Column & { readonly rank: number })[] = [
  { rank: 0, title: 'NAME', width: 12, isText: true, cell: ({ name }) => name },
  { rank: 9, title: 'STATE', width: 8, isText: true, cell: ({ state }) => state },
  {
    rank: 1,
    title: 'CPU%',
    width: 6,
    cell: ({ cpu }) => (cpu === null ? '-' : (cpu * 100).toFixed(1)),
    share: cpuShare,
  },
  {
    rank: 4,
    title: 'CPU USE',
    width: 8,
    widest: 20,
    isText: true,
    cell: (row, context, width) => bar(cpuShare(row, context), width, context.glyphs),
    share: cpuShare,
  },
  {
    rank: 3,
    title: 'HISTORY',
    width: 8,
    widest: 40,
    isText: true,
    cell: ({ cpuLimit }, { history, hostCpus, glyphs }, width) =>
      sparkline(history, cpuLimit ?? hostCpus, width, glyphs),
    share: cpuShare,
  },
  { rank: 1, title: 'MEMORY', width: 8, cell: ({ memory }) => formatBytes(memory), share: memoryShare },
  { rank: 7, title: 'LIMIT', width: 8, cell: ({ memoryLimit }) => formatBytes(memoryLimit) },
  {
    rank: 5,
    title: 'MEM USE',
    width: 8,
    widest: 20,
    isText: true,
    cell: (row, context, width) => bar(memoryShare(row, context), width, context.glyphs),
    share: memoryShare,
  },
  { rank: 2, title: 'TASKS', width: 5, cell: ({ tasks }) => String(tasks ?? '-') },
  { rank: 2, title: 'READ/s', width: 8, cell: ({ read }) => perSecond(read) },
  { rank: 2, title: 'WRITE/s', width: 8, cell: ({ written }) => perSecond(written) },
  { rank: 6, title: 'RECV/s', width: 8, cell: ({ received }) => perSecond(received) },
  { rank: 6, title: 'SENT/s', width: 8, cell: ({ sent }) => perSecond(sent) },
  { rank: 8, title: 'UPTIME', width: 8, cell: ({ uptime }) => formatDuration(uptime) },
];

const LONGEST_NAME = 64;

/** The columns that a line of so many characters has room for, with what is left over given to those that can use it. */
export function columnsFor(width: number, longestName: number): readonly Column[] {
  let left = width + 1; // every column but the first has a space before it
  const kept = new Set<Column>();
  for (const column of [...COLUMNS].sort((a, b) => a.rank - b.rank)) {
    if (left < column.width + 1) break;
    kept.add(column);
    left -= column.width + 1;
  }
  return COLUMNS.filter((column) => kept.has(column)).map((column) => {
    const widest = column.title === 'NAME' ? Math.min(longestName, LONGEST_NAME) : (column.widest ?? 0);
    const more = Math.max(0, Math.min(left, widest - column.width));
    left -= more;
    return { ...column, width: column.width + more };
  });
}
