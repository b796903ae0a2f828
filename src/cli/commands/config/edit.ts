import { BaseCommand, nameArg } from '../../base-command.js';
import { editInEditor } from '../../editor.js';

export default class ConfigEdit extends BaseCommand {
  static override summary = 'edit the config of a container in $VISUAL or $EDITOR';
  static override description = 'What is wrong is refused with its line, and nothing is changed then.';
  static override args = { name: nameArg };
  static override examples = ['<%= config.bin %> config edit web'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ConfigEdit);
    const ctx = await this.context(flags);
    const { rawConfig, replaceConfig } = await import('../../../lifecycle/config.js');
    const before = await rawConfig(ctx, args.name);
    const result = await editInEditor(args.name, before, (after) =>
      replaceConfig(ctx, args.name, { before, after }),
    );
    if (flags.json) return this.printJson({ name: args.name, ...result });
    const { renderChanges } = await import('../../render/changes.js');
    for (const line of renderChanges(args.name, result)) this.say(line);
  }
}
