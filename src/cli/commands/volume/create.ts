import { string } from '@oclif/core/flags';
import { BaseCommand, volumeArg } from '../../base-command.js';

export default class VolumeCreate extends BaseCommand {
  static override summary = 'make a directory that lives apart from containers';
  static override args = { volume: volumeArg };
  static override flags = {
    from: string({
      summary: 'begin with a copy of this volume or snapshot of one',
      helpValue: 'NAME[@SNAP]',
    }),
  };
  static override examples = [
    '<%= config.bin %> volume create data',
    '<%= config.bin %> volume create data-then --from data@20261122T031500Z',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(VolumeCreate);
    const ctx = await this.context(flags);
    const { createVolume } = await import('../../../lifecycle/volume.js');
    const created = await createVolume(ctx, args.volume, flags.from);
    if (flags.json) this.printJson(created);
  }
}
