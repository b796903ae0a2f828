import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { BaseCommand, nameArg } from '../../base-command.js';

export default class SnapshotCreate extends BaseCommand {
  static override summary = 'keep the present state of a container: root and config';
  static override description =
    'A stopped container takes no time at all. A running one is copied while it runs, then stands still for the moment that it takes to copy what it changed meanwhile.';
  static override args = {
    name: nameArg,
    snapshot: stringArg({
      description: 'name of the snapshot; not given: the time, as 20261122T031500Z',
      ignoreStdin: true,
    }),
  };
  static override flags = {
    'freeze-hook': string({
      summary: 'run this inside by sh right before it stands still',
      helpValue: 'CMD',
    }),
    'thaw-hook': string({ summary: 'run this inside by sh as soon as it goes on', helpValue: 'CMD' }),
  };
  static override examples = [
    '<%= config.bin %> snapshot create web before-upgrade',
    '<%= config.bin %> snapshot create db --freeze-hook "systemctl stop app" --thaw-hook "systemctl start app"',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SnapshotCreate);
    const ctx = await this.context(flags);
    const { takeSnapshot } = await import('../../../lifecycle/snapshot-create.js');
    const taken = await takeSnapshot(ctx, args.name, {
      ...(args.snapshot === undefined ? {} : { snapshot: args.snapshot }),
      ...(flags['freeze-hook'] === undefined ? {} : { freezeHook: flags['freeze-hook'] }),
      ...(flags['thaw-hook'] === undefined ? {} : { thawHook: flags['thaw-hook'] }),
    });
    if (flags.json) this.printJson(taken);
    else this.print(`${taken.name}@${taken.snapshot}`);
  }
}
