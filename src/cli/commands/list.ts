import { boolean, string } from '@oclif/core/flags';
import { ExitCode, TsctError } from '../../base/errors.js';
import type { Context } from '../../lifecycle/context.js';
import { BaseCommand } from '../base-command.js';

export default class List extends BaseCommand {
  static override summary = 'list containers';
  static override description =
    'Lists all containers of the state root with what is true of them now. Cleans up after crashes.';
  static override aliases = ['ls'];
  static override hiddenAliases = ['ls'];
  static override flags = {
    quiet: boolean({ char: 'q', summary: 'print bare names' }),
    running: boolean({ summary: 'only those that are not stopped' }),
    columns: string({ char: 'c', summary: 'what is shown, with commas between', helpValue: 'COLUMN,...' }),
  };
  static override examples = [
    '<%= config.bin %> list',
    '<%= config.bin %> list -q',
    '<%= config.bin %> list -c name,memory,memory.max,tasks,tasks.max',
    '<%= config.bin %> list --json',
  ];

  async run(): Promise<void> {
    const { flags } = await this.parse(List);
    const asked = flags.columns === undefined ? undefined : await known(flags.columns);
    const ctx = await this.context(flags);
    const { list } = await import('../../lifecycle/list.js');
    const all = await list(ctx);
    const rows = flags.running ? all.filter((c) => c.state !== 'stopped') : all;
    if (flags.json) return this.printJson(flags.quiet ? rows.map((c) => c.name) : rows);
    if (flags.quiet) return this.print(rows.map((c) => `${c.name}\n`).join(''));
    const [{ needsAccounts, renderList, USUAL }, { statePainter }] = await Promise.all([
      import('../render/list.js'),
      import('../render/colour.js'),
    ]);
    const columns = asked ?? USUAL.split(',');
    const accounts = needsAccounts(columns) ? await statsOf(ctx) : [];
    this.print(renderList(columns, rows, accounts, await statePainter(process.stdout)));
  }
}

async function statsOf(ctx: Context) {
  const { stats } = await import('../../lifecycle/stats.js');
  return stats(ctx, []);
}

/** @throws a usage error for a column that there is not. */
async function known(columns: string): Promise<readonly string[]> {
  const { COLUMN_NAMES } = await import('../render/list.js');
  const names = columns.split(',').map((name) => name.trim().toLowerCase());
  const wrong = names.find((name) => !COLUMN_NAMES.includes(name));
  if (wrong === undefined) return names;
  throw new TsctError('TSCT_USAGE', `--columns: there is no column "${wrong}"`, {
    exitCode: ExitCode.Usage,
    hint: `there are ${COLUMN_NAMES.join(', ')}`,
  });
}
