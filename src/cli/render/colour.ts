import type { ChalkInstance } from 'chalk';

type Painter = (text: string) => string;

const plain: Painter = (text) => text;

/** How each state looks. */
export function statePainter(stream: { readonly isTTY?: boolean }): Promise<Painter> {
  return painter(stream, (chalk) => ({
    running: chalk.green,
    frozen: chalk.cyan,
    starting: chalk.yellow,
    stopping: chalk.yellow,
    stopped: chalk.dim,
  }));
}

/** How each verdict of `check` looks. */
export function checkPainter(stream: { readonly isTTY?: boolean }): Promise<Painter> {
  return painter(stream, (chalk) => ({ ok: chalk.green, limited: chalk.yellow, missing: chalk.red }));
}

/** Paints words by a table. chalk is loaded for a terminal only: it costs as much as all the rest of `list`. */
async function painter(
  stream: { readonly isTTY?: boolean },
  words: (chalk: ChalkInstance) => Readonly<Record<string, Painter>>,
): Promise<Painter> {
  if (!stream.isTTY || process.env['NO_COLOR']) return plain;
  const { default: chalk } = await import('chalk');
  const painters = words(chalk);
  return (word) => (painters[word] ?? plain)(word);
}
