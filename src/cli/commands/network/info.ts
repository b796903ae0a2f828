import { BaseCommand, networkArg } from '../../base-command.js';

export default class NetworkInfo extends BaseCommand {
  static override summary = 'one network, and what each container has on it';
  static override args = { network: networkArg };
  static override examples = [
    '<%= config.bin %> network info tsct0',
    '<%= config.bin %> network info tsct0 --json',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(NetworkInfo);
    const ctx = await this.context(flags);
    const { networkInfo } = await import('../../../lifecycle/network-manage.js');
    const about = await networkInfo(ctx, args.network);
    if (flags.json) return this.printJson(about);
    const { renderNetwork } = await import('../../render/network.js');
    this.print(renderNetwork(about));
  }
}
