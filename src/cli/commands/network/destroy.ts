import { string } from '@oclif/core/args';
import { BaseCommand } from '../../base-command.js';

export default class NetworkDestroy extends BaseCommand {
  static override summary = 'throw networks away';
  static override description =
    'A network that a container is on, by its config or its present run, is left alone.';
  static override args = {
    network: string({ description: 'the networks', required: true, multiple: true, ignoreStdin: true }),
  };
  static override examples = ['<%= config.bin %> network destroy lan'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(NetworkDestroy);
    const ctx = await this.context(flags);
    const { destroyNetworks } = await import('../../../lifecycle/network-manage.js');
    const destroyed = await destroyNetworks(ctx, args.network);
    if (flags.json) this.printJson(destroyed);
  }
}
