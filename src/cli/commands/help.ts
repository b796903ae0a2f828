import { string } from '@oclif/core/args';
import { loadHelpClass } from '@oclif/core/help';
import { BaseCommand } from '../base-command.js';

export default class Help extends BaseCommand {
  static override summary = 'what tsct can do, or one command in full';
  static override args = {
    command: string({ description: 'the command', multiple: true, ignoreStdin: true }),
  };
  static override examples = ['<%= config.bin %> help create', '<%= config.bin %> help config set'];

  async run(): Promise<void> {
    const { args } = await this.parse(Help);
    const HelpClass = await loadHelpClass(this.config);
    const help = new HelpClass(this.config, this.config.pjson.oclif.helpOptions ?? {});
    await help.showHelp(args.command ?? []);
  }
}
