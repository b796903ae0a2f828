import { string } from '@oclif/core/args';
import { boolean } from '@oclif/core/flags';
import { BaseCommand, nameArg } from '../../base-command.js';

export default class ConfigSet extends BaseCommand {
  static override summary = 'change a setting of a container';
  static override description =
    'Every other byte of the config stays, comments too. A running container gets network and limits at once (keys marked so in tsct.conf(5)), anything else at its next start. Several settings are changed together or not at all, by the kernel too.';
  static override args = {
    name: nameArg,
    setting: string({
      description: 'Section.Key=VALUE',
      required: true,
      multiple: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    append: boolean({ char: 'a', summary: 'add to a list instead of replacing it' }),
    runtime: boolean({
      summary: 'limits of [Resources] that hold until it stops, beside its config',
    }),
  };
  static override examples = [
    '<%= config.bin %> config set web Exec.Hostname=web.example',
    '<%= config.bin %> config set web Resources.MemoryMax=2G --runtime',
    '<%= config.bin %> config set web --append Files.Bind=/srv/data',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ConfigSet);
    const ctx = await this.context(flags);
    const { configSet } = await import('../../../lifecycle/config.js');
    const result = await configSet(ctx, args.name, args.setting, flags);
    if (flags.json) return this.printJson({ name: args.name, ...result });
    const { renderChanges } = await import('../../render/changes.js');
    for (const line of renderChanges(args.name, result, flags)) this.say(line);
  }
}
