import { boolean, integer, string } from '@oclif/core/flags';
import { ExitCode, TsctError } from '../../base/errors.js';
import type { TopSample } from '../../lifecycle/top.js';
import { BaseCommand, optionalNamesArg } from '../base-command.js';

const ORDERS = ['cpu', 'memory', 'io', 'tasks', 'name'] as const;

export default class Top extends BaseCommand {
  static override summary = 'watch what running containers use';
  static override description =
    'CPU, memory, tasks, disks and interfaces of the containers that run, again and again, on the whole terminal. Keys: c, m, i, t, n sort by CPU, memory, disks, tasks, name; r reverses; / filters by name; + and - change the delay; arrows and page keys scroll; q ends. For a pipe or a file: --batch or --json.';
  static override args = { name: optionalNamesArg };
  static override flags = {
    batch: boolean({ char: 'b', summary: 'print one table after the other, without keys' }),
    iterations: integer({
      char: 'n',
      summary: 'end after so many looks (--batch, --json)',
      helpValue: 'N',
      min: 1,
    }),
    delay: string({ char: 'd', summary: 'between two looks', helpValue: 'SECONDS', default: '2' }),
    sort: string({ char: 's', summary: 'what comes first', options: ORDERS, default: 'cpu' }),
  };
  static override examples = [
    '<%= config.bin %> top',
    '<%= config.bin %> top --batch -n 1 --sort memory',
    '<%= config.bin %> top web db --json --delay 10',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Top);
    const isBatch = flags.batch === true || flags.json === true;
    const delayMs = milliseconds(flags.delay);
    if (!isBatch) refuseOptions(flags.iterations);
    const ctx = await this.context(flags);
    const { sampler } = await import('../../lifecycle/top.js');
    const look = sampler(ctx, args.name ?? []);
    const order = ORDERS.find((known) => known === flags.sort) ?? 'cpu';
    if (isBatch) {
      const { repeat } = await import('../top/repeat.js');
      const { renderTop } = await import('../render/top.js');
      const show = (sample: TopSample) =>
        this.print(flags.json ? JSON.stringify(sample) : renderTop(sample, order));
      return repeat(look, show, { delayMs, times: flags.iterations, signal: ctx.signal });
    }
    const { watch } = await import('../top/screen.js');
    const view = { order, reversed: false, filter: '', isTyping: false, scrolled: 0, delayMs };
    await watch(look, view, ctx.signal);
  }
}

function milliseconds(delay: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(delay) ? Number(delay) : Number.NaN;
  if (seconds >= 0.1 && seconds <= 3600) return seconds * 1000;
  throw new TsctError('TSCT_USAGE', `--delay ${delay}: seconds are asked for, 0.1 to 3600`, {
    exitCode: ExitCode.Usage,
    hint: 'tsct help top',
  });
}

function refuseOptions(iterations: number | undefined): void {
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  if (isTerminal && iterations === undefined) return;
  const why = isTerminal ? '-n counts what --batch prints' : 'input and output have to be a terminal';
  throw new TsctError('TSCT_NO_TERMINAL', `cannot show tsct top: ${why}`, {
    exitCode: ExitCode.Usage,
    hint: 'for a pipe or a file: tsct top --batch, or tsct top --json',
  });
}
