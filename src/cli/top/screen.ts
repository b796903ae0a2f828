import { cpus, totalmem } from 'node:os';
import { emitKeypressEvents } from 'node:readline';
import type { TopSample } from '../../lifecycle/top.js';
import { glyphsFor } from './bars.js';
import { chosen, type Drawing, frame, type Paint, rowsOf, type View } from './frame.js';
import { type Key, press } from './keys.js';

// xterm's control sequences (ctlseqs): the alternate screen, the cursor.
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const CLEAR = '\x1b[H\x1b[2J';

/** As many looks as a curve is wide at most. */
const HISTORY_MAX = 200;

/**
 * Shows what `look` finds until the user ends it or the signal comes; the terminal is afterwards as it was, whatever ends it.
 * @param look takes a new look each time.
 */
export async function watch(look: () => Promise<TopSample>, first: View, signal: AbortSignal): Promise<void> {
  const [{ createLogUpdate }, paint] = await Promise.all([import('log-update'), painter()]);
  const { stdin, stdout } = process;
  const host = { cpus: cpus().length, memory: totalmem() };
  const glyphs = glyphsFor(process.env);
  const history = new Map<string, readonly number[]>();
  let view = first;
  let sample: TopSample | undefined;
  let update = createLogUpdate(stdout, { showCursor: true });
  let wake = () => {};
  let isOver = signal.aborted;

  const drawing = (): Drawing => ({
    columns: stdout.columns,
    rows: stdout.rows,
    glyphs,
    paint,
    host,
    history,
  });
  const draw = () => {
    if (!sample || isOver) return;
    const last = Math.max(0, chosen(sample, view).length - rowsOf(drawing()));
    view = { ...view, scrolled: Math.min(view.scrolled, last) };
    update(frame(sample, view, drawing()));
  };
  const end = () => {
    isOver = true;
    wake();
  };
  const onKey = (_: string | undefined, key: Key) => {
    const next = press(view, key, rowsOf(drawing()));
    if (next === undefined) return end();
    const isSooner = next.delayMs !== view.delayMs;
    view = next;
    draw();
    if (isSooner) wake();
  };
  const onResize = () => {
    // What the terminal made of the old lines is its own affair.
    stdout.write(CLEAR);
    update = createLogUpdate(stdout, { showCursor: true });
    draw();
  };
  const restore = once(() => {
    stdout.write(LEAVE);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
  });

  process.on('exit', restore);
  signal.addEventListener('abort', end, { once: true });
  try {
    stdin.setRawMode(true);
    emitKeypressEvents(stdin);
    stdin.on('keypress', onKey).on('end', end).resume();
    stdout.on('resize', onResize).write(ENTER);
    while (!isOver) {
      sample = await look();
      remember(history, sample);
      draw();
      if (isOver) break;
      await new Promise<void>((resolve) => {
        // The first look has no rates: the second one comes soon.
        const timer = setTimeout(
          resolve,
          history.get('')?.length === 1 ? Math.min(500, view.delayMs) : view.delayMs,
        );
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    stdin.off('keypress', onKey).off('end', end);
    stdout.off('resize', onResize);
    signal.removeEventListener('abort', end);
    restore();
    process.off('exit', restore);
    if (signal.aborted) process.exitCode = 130;
  }
}

/** Of those that are gone nothing is kept. */
function remember(history: Map<string, readonly number[]>, { containers }: TopSample): void {
  const now = new Map(containers.map(({ name, cpu }) => [name, cpu ?? 0]));
  now.set(
    '',
    containers.reduce((sum, { cpu }) => sum + (cpu ?? 0), 0),
  );
  for (const name of history.keys()) if (!now.has(name)) history.delete(name);
  for (const [name, cpu] of now) history.set(name, [...(history.get(name) ?? []), cpu].slice(-HISTORY_MAX));
}

/** NO_COLOR (no-color.org): emphasis is no colour. */
async function painter(): Promise<Paint> {
  const { default: chalk } = await import('chalk');
  const isPlain = Boolean(process.env['NO_COLOR']);
  const styles = {
    low: chalk.green,
    middle: chalk.yellow,
    high: chalk.red,
    title: chalk.inverse,
    key: chalk.dim,
  };
  return (text, as) => (isPlain ? text : styles[as](text));
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    work();
  };
}
