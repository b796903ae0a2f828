import { BaseCommand } from '../../base-command.js';

export default class NetworkList extends BaseCommand {
  static override summary = 'the networks, their subnets and who is on them';
  static override examples = ['<%= config.bin %> network list', '<%= config.bin %> network list --json'];

  async run(): Promise<void> {
    const { flags } = await this.parse(NetworkList);
    const ctx = await this.context(flags);
    const { listNetworks } = await import('../../../lifecycle/network-manage.js');
    const networks = await listNetworks(ctx);
    if (flags.json) return this.printJson(networks);
    const { table } = await import('../../render/table.js');
    const rows = networks.map(({ name, bridge, up, ipv4, ipv6, usedBy }) => [
      name,
      up ? bridge : '-',
      ipv4,
      ipv6,
      usedBy.map((user) => user.name).join(' ') || '-',
    ]);
    this.print(table(['NAME', 'BRIDGE', 'IPV4', 'IPV6', 'USED BY'], rows));
  }
}
