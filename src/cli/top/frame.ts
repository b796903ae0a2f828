import { inOrder, type TopOrder, type TopRow, type TopSample } from '../../lifecycle/top.js';
import { formatBytes } from '../render/units.js';
import { bar, type Glyphs, sparkline, toWidth } from './bars.js';
import { columnsFor } from './columns.js';

/** What the user has chosen to see. */
export interface View {
  readonly order: TopOrder;
  readonly reversed: boolean;
  readonly filter: string;
  /** The filter is being typed. */
  readonly isTyping: boolean;
  /** Rows that are above what is shown. */
  readonly scrolled: number;
  readonly delayMs: number;
}

export interface Host {
  readonly cpus: number;
  readonly memory: number;
}

export type Paint = (text: string, as: 'title' | 'low' | 'middle' | 'high' | 'key') => string;

export interface Drawing {
  readonly columns: number;
  readonly rows: number;
  readonly glyphs: Glyphs;
  readonly paint: Paint;
  readonly host: Host;
  /** CPUs kept busy at the last looks, by name; of all together under ''. */
  readonly history: ReadonlyMap<string, readonly number[]>;
}

/** Lines that are not rows: two of totals, titles, keys. */
const FURNITURE = 5;

/** How many rows a screen has room for. */
export function rowsOf(drawing: Drawing): number {
  return Math.max(1, drawing.rows - 1 - FURNITURE);
}

/** The rows that the view lets through, in its order. */
export function chosen(sample: TopSample, view: View): readonly TopRow[] {
  const rows = inOrder(
    sample.containers.filter(({ name }) => name.includes(view.filter)),
    view.order,
  );
  return view.reversed ? [...rows].reverse() : rows;
}

/** A whole screen: one line less than it has, each as wide as it is at most, so that nothing wraps or scrolls. */
export function frame(sample: TopSample, view: View, drawing: Drawing): string {
  const { columns, glyphs, paint } = drawing;
  const rows = chosen(sample, view);
  const shown = rows.slice(view.scrolled, view.scrolled + rowsOf(drawing));
  const longest = Math.max(0, ...rows.map(({ name }) => name.length));
  const layout = columnsFor(columns, longest);
  const titles = layout.map(({ title, width, isText }) => toWidth(title, width, glyphs, isText)).join(' ');
  const lines = shown.map((row) =>
    layout
      .map((column) => {
        const context = {
          history: drawing.history.get(row.name) ?? [],
          hostMemory: drawing.host.memory,
          hostCpus: drawing.host.cpus,
          glyphs,
        };
        const text = toWidth(column.cell(row, context, column.width), column.width, glyphs, column.isText);
        const share = column.share?.(row, context);
        return share === undefined || share === null ? text : paint(text, levelOf(share));
      })
      .join(' '),
  );
  const blank = Array<string>(rowsOf(drawing) - lines.length).fill('');
  return [
    headline(sample, rows.length, view, drawing),
    ...totals(sample, drawing),
    paint(toWidth(titles, columns, glyphs, true), 'title'),
    ...lines,
    ...blank,
    footer(view, drawing),
  ].join('\n');
}

function levelOf(share: number): 'low' | 'middle' | 'high' {
  if (share < 0.6) return 'low';
  return share < 0.9 ? 'middle' : 'high';
}

function headline(sample: TopSample, shown: number, view: View, { columns, glyphs }: Drawing): string {
  const count = sample.containers.length;
  const parts = [
    `tsct top ${sample.at.slice(11, 19)} UTC`,
    `${count} running${shown === count ? '' : `, ${shown} shown`}`,
    `by ${view.order}${view.reversed ? ', reversed' : ''}`,
    `every ${view.delayMs / 1000} s`,
    ...(view.filter !== '' ? [`filter ${view.filter}`] : []),
  ];
  return toWidth(parts.join('  '), columns, glyphs, true);
}

/** All containers together beside what the host has. */
function totals({ containers }: TopSample, drawing: Drawing): string[] {
  const { columns, glyphs, host, history, paint } = drawing;
  const cpu = containers.reduce((sum, row) => sum + (row.cpu ?? 0), 0);
  const memory = containers.reduce((sum, row) => sum + (row.memory ?? 0), 0);
  const lines = [
    { title: 'CPU', share: cpu / host.cpus, said: `${(cpu * 100).toFixed(0)}% of ${host.cpus * 100}%` },
    {
      title: 'MEM',
      share: memory / host.memory,
      said: `${formatBytes(memory)} of ${formatBytes(host.memory)}`,
    },
  ];
  const width = Math.max(5, Math.min(40, Math.floor(columns / 4)));
  return lines.map(({ title, share, said }) => {
    const drawn = bar(share, width, glyphs);
    const rest = columns - width - 5 - 24;
    const curve =
      title === 'CPU' && rest > 8 ? sparkline(history.get('') ?? [], host.cpus, rest, glyphs) : '';
    const text = toWidth(`${title} ${drawn} ${said.padEnd(23)} ${curve}`.trimEnd(), columns, glyphs, true);
    return text.replace(drawn, () => paint(drawn, levelOf(share)));
  });
}

const KEYS = 'q quit  c CPU  m memory  i I/O  t tasks  n name  r reverse  / filter  +- delay';

function footer(view: View, { columns, glyphs, paint }: Drawing): string {
  const text = view.isTyping ? `filter: ${view.filter}_  (Enter keeps it, Esc takes it away)` : KEYS;
  return paint(toWidth(text, columns, glyphs, true), 'key');
}
