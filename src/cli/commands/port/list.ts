import { BaseCommand, nameArg } from '../../base-command.js';

export default class PortList extends BaseCommand {
  static override summary = 'the ports of the host that lead to a container';
  static override args = { name: nameArg };
  static override examples = ['<%= config.bin %> port list web', '<%= config.bin %> port list web --json'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PortList);
    const ctx = await this.context(flags);
    const { listPorts } = await import('../../../lifecycle/port.js');
    const ports = await listPorts(ctx, args.name);
    if (flags.json) return this.printJson(ports);
    const { table } = await import('../../render/table.js');
    const rows = ports.map(({ interface: link, address, host, end, container, protocol, published }) => {
      const last = container + end - host;
      return [
        `${address ?? '*'} ${end === host ? host : `${host}-${end}`}/${protocol}`,
        `${link} ${end === host ? container : `${container}-${last}`}`,
        published ? 'yes' : 'no',
      ];
    });
    this.print(table(['HOST', 'CONTAINER', 'PUBLISHED'], rows));
  }
}
