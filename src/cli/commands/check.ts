import { boolean } from '@oclif/core/flags';
import { ExitCode } from '../../base/errors.js';
import { BaseCommand } from '../base-command.js';

export default class Check extends BaseCommand {
  static override summary = 'say what this host can and cannot do, and what mends it';
  static override description =
    'Tries on the running kernel what containers need; reads limits, id ranges and programs. Changes nothing. ' +
    'Ends with 0 if containers can run, with 5 if something they need is missing; with --capacity, 5 if all together may have more than there is.';
  static override flags = {
    problems: boolean({ summary: 'only what is limited or missing' }),
    capacity: boolean({
      summary: 'instead: what the limits of all containers come to beside what the host has',
      exclusive: ['problems'],
    }),
  };
  static override examples = [
    '<%= config.bin %> check',
    '<%= config.bin %> check --problems',
    '<%= config.bin %> check --capacity',
  ];

  async run(): Promise<void> {
    const { flags } = await this.parse(Check);
    if (flags.capacity) return this.capacity(flags);
    const { check } = await import('../../lifecycle/check.js');
    const whole = await check(await this.context(flags));
    const report = flags.problems
      ? { ...whole, checks: whole.checks.filter(({ status }) => status !== 'ok') }
      : whole;
    if (flags.json) this.printJson(report);
    else {
      const [{ renderCheck }, { checkPainter }] = await Promise.all([
        import('../render/check.js'),
        import('../render/colour.js'),
      ]);
      this.print(renderCheck(report, await checkPainter(process.stdout)));
    }
    if (!report.ok) process.exitCode = ExitCode.HostLacks;
  }

  private async capacity(flags: { readonly root: string; readonly json: boolean }): Promise<void> {
    const { capacity } = await import('../../lifecycle/capacity.js');
    const report = await capacity(await this.context(flags));
    if (flags.json) this.printJson(report);
    else {
      const { renderCapacity } = await import('../render/capacity.js');
      this.print(renderCapacity(report));
    }
    if (!report.ok) process.exitCode = ExitCode.HostLacks;
  }
}
