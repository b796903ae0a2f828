import { BaseCommand } from '../../base-command.js';
import { interfaceFlag, portArgs } from '../../port-arguments.js';

export default class PortRemove extends BaseCommand {
  static override summary = 'publish ports of a container no longer';
  static override description =
    'As they were added, or stand in its config. Connections that are open stay so; new ones are refused.';
  static override args = portArgs;
  static override flags = { interface: interfaceFlag('any') };
  static override examples = ['<%= config.bin %> port remove web 8080:80'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PortRemove);
    const ctx = await this.context(flags);
    const { removePorts } = await import('../../../lifecycle/port.js');
    const options = flags.interface === undefined ? {} : { interface: flags.interface };
    const result = await removePorts(ctx, args.name, args.port, options);
    if (flags.json) this.printJson({ name: args.name, ...result });
  }
}
