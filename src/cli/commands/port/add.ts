import { BaseCommand } from '../../base-command.js';
import { interfaceFlag, portArgs } from '../../port-arguments.js';

export default class PortAdd extends BaseCommand {
  static override summary = 'publish ports of a container on the host';
  static override description =
    'They are in its config from then on, as Port=; a running container has them at once, and what goes on over others is not touched. All of them or none: one that is taken is refused with the name of who has it.';
  static override args = portArgs;
  static override flags = { interface: interfaceFlag('the first on a network of tsct') };
  static override examples = [
    '<%= config.bin %> port add web 8080:80',
    '<%= config.bin %> port add web 127.0.0.1:5300:53/udp 9000-9009:9000',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PortAdd);
    const ctx = await this.context(flags);
    const { addPorts } = await import('../../../lifecycle/port.js');
    const options = flags.interface === undefined ? {} : { interface: flags.interface };
    const result = await addPorts(ctx, args.name, args.port, options);
    if (flags.json) this.printJson({ name: args.name, ...result });
  }
}
