import { BaseCommand, namesArg } from '../base-command.js';

export default class Freeze extends BaseCommand {
  static override summary = 'freeze containers: no process of them runs until thaw';
  static override args = { name: namesArg };
  static override examples = ['<%= config.bin %> freeze web'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Freeze);
    const ctx = await this.context(flags);
    const { freezeEach } = await import('../../lifecycle/stop.js');
    const results = await freezeEach(ctx, args.name, 'freeze');
    if (flags.json) this.printJson(results);
  }
}
