import { string as stringArg } from '@oclif/core/args';
import { boolean } from '@oclif/core/flags';
import { parseAddress } from '../../base/address.js';
import { BaseCommand } from '../base-command.js';

export default class Clone extends BaseCommand {
  static override summary = 'make a container out of another one, or out of a snapshot of it';
  static override description =
    'Config and root are the same; machine-id, ssh host keys, host name, ids and addresses are new. The source may run, and may be destroyed later: what both use stays.';
  static override args = {
    source: stringArg({ description: 'NAME or NAME@SNAP', required: true, ignoreStdin: true }),
    name: stringArg({ description: 'the new container', required: true, ignoreStdin: true }),
  };
  static override flags = {
    'keep-identity': boolean({
      summary: 'the same machine as the source, which must not run at the same time',
    }),
  };
  static override examples = [
    '<%= config.bin %> clone web web2',
    '<%= config.bin %> clone web@good web-test',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Clone);
    const { name, snapshot } = parseAddress(args.source);
    const ctx = await this.context(flags);
    const { clone } = await import('../../lifecycle/clone.js');
    const created = await clone(ctx, name, args.name, {
      keepIdentity: flags['keep-identity'],
      ...(snapshot === undefined ? {} : { snapshot }),
    });
    if (flags.json) this.printJson(created);
  }
}
