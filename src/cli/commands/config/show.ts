import { BaseCommand, nameArg } from '../../base-command.js';

export default class ConfigShow extends BaseCommand {
  static override summary = 'the config of a container with its drop-ins';
  static override args = { name: nameArg };
  static override examples = [
    '<%= config.bin %> config show web',
    '<%= config.bin %> config show web --json',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ConfigShow);
    const ctx = await this.context(flags);
    const { configShow, configTexts } = await import('../../../lifecycle/config.js');
    if (flags.json) return this.printJson(await configShow(ctx, args.name));
    const texts = await configTexts(ctx, args.name);
    this.print(texts.map(({ file, text }) => `# ${file}\n${text}`).join('\n'));
  }
}
