import { integer, string } from '@oclif/core/flags';
import { BaseCommand, networkArg } from '../../base-command.js';

export default class NetworkCreate extends BaseCommand {
  static override summary = 'make a network that containers can be on';
  static override description =
    'Subnets that are not named are chosen so that they collide with nothing that the host has a route to.';
  static override args = { network: networkArg };
  static override flags = {
    ipv4: string({ summary: 'subnet, /8 to /30', helpValue: 'ADDRESS/BITS' }),
    ipv6: string({ summary: 'subnet, /64', helpValue: 'ADDRESS/64' }),
    mtu: integer({ summary: 'largest packet, in bytes', helpValue: 'BYTES' }),
  };
  static override examples = [
    '<%= config.bin %> network create lan',
    '<%= config.bin %> network create lab --ipv4 10.80.0.0/22 --ipv6 fd12:3456:789a::/64',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(NetworkCreate);
    const ctx = await this.context(flags);
    const { createNetwork } = await import('../../../lifecycle/network-manage.js');
    const { ipv4, ipv6, mtu } = flags;
    const settings = {
      ...(ipv4 === undefined ? {} : { ipv4 }),
      ...(ipv6 === undefined ? {} : { ipv6 }),
      ...(mtu === undefined ? {} : { mtu }),
    };
    const created = await createNetwork(ctx, args.network, settings);
    if (flags.json) this.printJson(created);
  }
}
