import { string } from '@oclif/core/args';
import { BaseCommand, nameArg } from '../../base-command.js';

export default class ConfigUnset extends BaseCommand {
  static override summary = 'take settings out of the config of a container';
  static override args = {
    name: nameArg,
    key: string({ description: 'Section.Key', required: true, multiple: true, ignoreStdin: true }),
  };
  static override examples = ['<%= config.bin %> config unset web Exec.Hostname'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ConfigUnset);
    const ctx = await this.context(flags);
    const { configUnset } = await import('../../../lifecycle/config.js');
    const result = await configUnset(ctx, args.name, args.key);
    if (flags.json) this.printJson({ name: args.name, ...result });
    else if (result.pending) this.say(`${args.name} is running: this counts from its next start`);
  }
}
