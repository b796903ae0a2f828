import { BaseCommand, nameArg } from '../../base-command.js';

const WORDS = { bound: 'yes', partly: 'in part', unbound: 'not bound', off: 'no' };

export default class PortList extends BaseCommand {
  static override summary = 'the ports of the host that lead to a container';
  static override description =
    'PUBLISHED says what the kernel has bound at this moment: yes, no (the container does not run, or not with it), not bound or in part (tsct-ports was killed and is started again, or another program has taken the port meanwhile: supervisor.log in /run/tsct/NAME says who).';
  static override args = { name: nameArg };
  static override examples = ['<%= config.bin %> port list web', '<%= config.bin %> port list web --json'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PortList);
    const ctx = await this.context(flags);
    const { listPorts } = await import('../../../lifecycle/port.js');
    const ports = await listPorts(ctx, args.name);
    if (flags.json) return this.printJson(ports);
    const { table } = await import('../../render/table.js');
    const rows = ports.map(({ interface: link, address, host, end, container, protocol, state }) => {
      const last = container + end - host;
      return [
        `${address ?? '*'} ${end === host ? host : `${host}-${end}`}/${protocol}`,
        `${link} ${end === host ? container : `${container}-${last}`}`,
        WORDS[state],
      ];
    });
    this.print(table(['HOST', 'CONTAINER', 'PUBLISHED'], rows));
  }
}
