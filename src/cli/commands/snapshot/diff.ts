import { boolean, string } from '@oclif/core/flags';
import { BaseCommand, snapshotArg } from '../../base-command.js';

/** As git and rsync mark them. */
const MARKS = { added: '+', changed: '~', deleted: '-' } as const;

export default class SnapshotDiff extends BaseCommand {
  static override summary = 'what is not the same: since a snapshot, between two, or since the image';
  static override description =
    'Prints one path a line: + added, ~ changed, - deleted since the snapshot. The time it takes is that of what differs, not of the whole root.';
  static override args = { snapshot: snapshotArg };
  static override flags = {
    with: string({ summary: 'compare with this snapshot instead of with what is now', helpValue: 'SNAP' }),
    base: boolean({ summary: 'what the snapshot changed of its image', exclusive: ['with'] }),
  };
  static override examples = [
    '<%= config.bin %> snapshot diff web@before-upgrade',
    '<%= config.bin %> snapshot diff web@monday --with tuesday --json',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SnapshotDiff);
    const ctx = await this.context(flags);
    const { diffSnapshot } = await import('../../../lifecycle/snapshot-diff.js');
    const other = flags.base
      ? ({ is: 'base' } as const)
      : flags.with === undefined
        ? ({ is: 'now' } as const)
        : ({ is: 'snapshot', name: flags.with } as const);
    const found = await diffSnapshot(ctx, args.snapshot, other);
    if (flags.json) return this.printJson(found);
    this.print(found.map(({ path, change }) => `${MARKS[change]} ${path}\n`).join(''));
  }
}
