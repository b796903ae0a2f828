import { resolve } from 'node:path';
import { boolean, integer, string as stringFlag } from '@oclif/core/flags';
import type { Context } from '../../lifecycle/context.js';
import { BaseCommand, optionalNamesArg } from '../base-command.js';

export default class Start extends BaseCommand {
  static override summary = 'start containers';
  static override description =
    'Comes back when init runs; with --wait when the guest says that it is ready. A container that runs already is no error.';
  static override args = { name: optionalNamesArg };
  static override flags = {
    all: boolean({ summary: 'all that have Autostart=yes, by Order= and After=' }),
    wait: boolean({ char: 'w', summary: 'come back when the guest is ready' }),
    timeout: integer({
      summary: 'how long to wait for that',
      helpValue: 'SECONDS',
      min: 0,
      dependsOn: ['wait'],
    }),
    ephemeral: boolean({
      summary: 'what it writes to its root is gone when it stops, however it stops; also at a reboot',
      exclusive: ['all', 'export-bundle'],
    }),
    'dry-run': boolean({ summary: 'print the launch plan and start nothing' }),
    'export-bundle': stringFlag({
      summary: 'mount the root and write an OCI bundle into this directory instead of starting',
      helpValue: 'DIR',
      exclusive: ['all', 'wait', 'dry-run'],
    }),
  };
  static override examples = [
    '<%= config.bin %> start web',
    '<%= config.bin %> start web db --wait --timeout 30',
    '<%= config.bin %> start web --ephemeral',
    '<%= config.bin %> start web --dry-run --json',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Start);
    const ctx = await this.context(flags);
    const names = this.namesOrAll(args.name, flags.all);
    if (flags['dry-run']) return this.dryRun(ctx, names, flags.ephemeral);
    if (flags['export-bundle']) return this.exportBundle(ctx, names, flags['export-bundle']);
    const options = {
      wait: flags.wait,
      ephemeral: flags.ephemeral,
      ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout * 1000 }),
    };
    const { startAll, startEach } = await import('../../lifecycle/autostart.js');
    const results = await (flags.all ? startAll(ctx, options) : startEach(ctx, names, options));
    if (flags.json) return this.printJson(results);
    for (const result of results) if (result.already) this.say(`${result.name} is running already`);
  }

  private async dryRun(ctx: Context, names: readonly string[], ephemeral: boolean): Promise<void> {
    const { compileEach } = await import('../../lifecycle/bundle.js');
    const plans = await compileEach(ctx, names, ephemeral);
    this.printJson(plans.length === 1 ? plans[0] : plans);
  }

  private async exportBundle(ctx: Context, names: readonly string[], directory: string): Promise<void> {
    const { exportBundle } = await import('../../lifecycle/bundle.js');
    const [name, ...others] = names;
    if (name === undefined || others.length > 0)
      this.error('--export-bundle takes one container', { exit: 2 });
    await exportBundle(ctx, name, resolve(directory));
  }
}
