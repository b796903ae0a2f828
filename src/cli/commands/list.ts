import { boolean } from '@oclif/core/flags';
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
  };
  static override examples = [
    '<%= config.bin %> list',
    '<%= config.bin %> list -q',
    '<%= config.bin %> list --json',
  ];

  async run(): Promise<void> {
    const { flags } = await this.parse(List);
    const ctx = await this.context(flags);
    const { list } = await import('../../lifecycle/list.js');
    const all = await list(ctx);
    const rows = flags.running ? all.filter((c) => c.state !== 'stopped') : all;
    if (flags.json) return this.printJson(flags.quiet ? rows.map((c) => c.name) : rows);
    if (flags.quiet) return this.print(rows.map((c) => `${c.name}\n`).join(''));
    const [{ table }, { formatBytes, formatDuration }, { statePainter }] = await Promise.all([
      import('../render/table.js'),
      import('../render/units.js'),
      import('../render/colour.js'),
    ]);
    const paint = await statePainter(process.stdout);
    this.print(
      table(
        ['NAME', 'STATE', 'PID', 'UPTIME', 'MEMORY', 'TASKS', 'ADDRESSES'],
        rows.map((c) => [
          c.name,
          c.state,
          String(c.pid ?? '-'),
          formatDuration(c.uptime),
          formatBytes(c.memory),
          String(c.tasks ?? '-'),
          c.addresses.join(' ') || '-',
        ]),
        (text, column, row) => (column === 1 && row >= 0 ? paint(text) : text),
      ),
    );
  }
}
