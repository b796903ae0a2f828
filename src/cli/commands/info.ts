import { BaseCommand, nameArg } from '../base-command.js';

export default class Info extends BaseCommand {
  static override summary = 'everything about one container';
  static override description = 'Asks its supervisor and the kernel. The names with --json are stable.';
  static override args = { name: nameArg };
  static override examples = ['<%= config.bin %> info web', '<%= config.bin %> info web --json'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Info);
    const ctx = await this.context(flags);
    const { info } = await import('../../lifecycle/info.js');
    const about = await info(ctx, args.name);
    if (flags.json) return this.printJson(about);
    const { renderInfo } = await import('../render/info.js');
    const { statePainter } = await import('../render/colour.js');
    this.print(renderInfo(about, await statePainter(process.stdout)));
  }
}
