type Painter = (text: string) => string;

const plain: Painter = (text) => text;

/** How each state looks. chalk is loaded for a terminal only: it costs as much as all the rest of `list`. */
export async function statePainter(stream: { readonly isTTY?: boolean }): Promise<(state: string) => string> {
  if (!stream.isTTY || process.env['NO_COLOR']) return plain;
  const { default: chalk } = await import('chalk');
  const painters: Readonly<Record<string, Painter>> = {
    running: chalk.green,
    frozen: chalk.cyan,
    starting: chalk.yellow,
    stopping: chalk.yellow,
    stopped: chalk.dim,
  };
  return (state) => (painters[state] ?? plain)(state);
}
