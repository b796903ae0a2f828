import { string } from '@oclif/core/args';
import { boolean } from '@oclif/core/flags';
import { BaseCommand, nameArg } from '../../base-command.js';

export default class ConfigUnset extends BaseCommand {
  static override summary = 'take settings out of the config of a container';
  static override args = {
    name: nameArg,
    key: string({
      description: 'Section.Key, or "Network IF" for all of it',
      required: true,
      multiple: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    runtime: boolean({
      summary: 'limits of [Resources] that hold until it stops, beside its config',
    }),
  };
  static override examples = [
    '<%= config.bin %> config unset web Exec.Hostname',
    '<%= config.bin %> config unset web "Network eth1"',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ConfigUnset);
    const ctx = await this.context(flags);
    const { configUnset } = await import('../../../lifecycle/config.js');
    const result = await configUnset(ctx, args.name, args.key, flags);
    if (flags.json) return this.printJson({ name: args.name, ...result });
    const { renderChanges } = await import('../../render/changes.js');
    for (const line of renderChanges(args.name, result)) this.say(line);
  }
}
