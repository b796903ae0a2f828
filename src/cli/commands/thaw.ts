import { BaseCommand, namesArg } from '../base-command.js';

export default class Thaw extends BaseCommand {
  static override summary = 'let frozen containers run on';
  static override args = { name: namesArg };
  static override examples = ['<%= config.bin %> thaw web'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Thaw);
    const ctx = await this.context(flags);
    const { freezeEach } = await import('../../lifecycle/stop.js');
    const results = await freezeEach(ctx, args.name, 'thaw');
    if (flags.json) this.printJson(results);
  }
}
