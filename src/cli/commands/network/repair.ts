import { string } from '@oclif/core/args';
import { BaseCommand } from '../../base-command.js';

export default class NetworkRepair extends BaseCommand {
  static override summary = 'make again what another program took away of networks in use';
  static override description =
    'Bridge, ports, addresses, nftables rules and dnsmasq, and the tsct-ports of containers on it. Not named any: all networks, and the rules of routed interfaces, which are on none. The next start on a network does the same.';
  static override args = {
    network: string({ description: 'the networks', multiple: true, ignoreStdin: true }),
  };
  static override examples = ['<%= config.bin %> network repair', '<%= config.bin %> network repair tsct0'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(NetworkRepair);
    const ctx = await this.context(flags);
    const { repairNetworks } = await import('../../../lifecycle/network-repair.js');
    const repaired = await repairNetworks(ctx, args.network ?? []);
    if (flags.json) return this.printJson(repaired);
    for (const { name, repaired: done, routed } of repaired) {
      const nothing = routed ? 'it has ended' : 'nobody runs on it';
      this.print(`${name}: ${done ? `repaired${routed ? ' (routed)' : ''}` : nothing}`);
    }
  }
}
