import { string } from '@oclif/core/args';
import { BaseCommand, nameArg } from '../../base-command.js';

export default class ConfigGet extends BaseCommand {
  static override summary = 'what one setting of a container is';
  static override description =
    'Prints one line for each value; the default when it is not set; nothing when it has none.';
  static override args = {
    name: nameArg,
    key: string({ description: 'Section.Key', required: true, ignoreStdin: true }),
  };
  static override examples = ['<%= config.bin %> config get web Exec.Hostname'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ConfigGet);
    const ctx = await this.context(flags);
    const { configGet } = await import('../../../lifecycle/config.js');
    const setting = await configGet(ctx, args.name, args.key);
    if (flags.json) return this.printJson(setting);
    const values = setting.values.length > 0 ? setting.values : [setting.default ?? ''];
    this.print(values.filter(Boolean).join('\n'));
  }
}
