import { string } from '@oclif/core/args';
import { BaseCommand, networkArg } from '../../base-command.js';

export default class NetworkSet extends BaseCommand {
  static override summary = 'change a network, for example to make it larger';
  static override description =
    'Containers that run keep what they have. One whose address is not in a new subnet gets another at its next start.';
  static override args = {
    network: networkArg,
    setting: string({
      description: 'ipv4=ADDRESS/BITS, ipv6=ADDRESS/64, mtu=BYTES',
      required: true,
      multiple: true,
      ignoreStdin: true,
    }),
  };
  static override examples = ['<%= config.bin %> network set lan ipv4=10.80.0.0/23'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(NetworkSet);
    const ctx = await this.context(flags);
    const { setNetwork } = await import('../../../lifecycle/network-manage.js');
    const changed = await setNetwork(ctx, args.network, args.setting);
    if (flags.json) this.printJson(changed);
  }
}
