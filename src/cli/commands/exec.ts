import { boolean, string } from '@oclif/core/flags';
import { BaseCommand, nameArg } from '../base-command.js';
import { splitCommand } from '../split-command.js';

export default class Exec extends BaseCommand {
  static override summary = 'run a command in a container';
  static override description =
    'Ends with the exit code of the command: 128+n when signal n ended it, 126 when it cannot be executed, 127 when it is not there, 125 when tsct itself fails. The command gets a terminal when stdin and stdout are one.';
  static override usage = 'exec NAME [-u USER] [-e K=V]... [--cwd DIR] [-t|-T] -- COMMAND [ARG]...';
  static override args = { name: nameArg };
  static override flags = {
    user: string({ char: 'u', summary: 'as this user of the container', helpValue: 'USER' }),
    env: string({
      char: 'e',
      summary: 'set a variable',
      helpValue: 'K=V',
      multiple: true,
      multipleNonGreedy: true,
    }),
    cwd: string({ summary: 'in this directory', helpValue: 'DIR' }),
    tty: boolean({ char: 't', summary: 'with a terminal', exclusive: ['no-tty'] }),
    'no-tty': boolean({ char: 'T', summary: 'without a terminal' }),
  };
  static override examples = [
    '<%= config.bin %> exec web -- systemctl status',
    '<%= config.bin %> exec web -u www-data --cwd /srv -- ls -l',
  ];

  async run(): Promise<void> {
    const { options, command } = splitCommand(this.argv, ['-u', '--user', '-e', '--env', '--cwd', '--root']);
    const { args, flags } = await this.parse(Exec, options);
    const ctx = await this.context(flags);
    const { exec } = await import('../../lifecycle/exec.js');
    await exec(ctx, args.name, {
      command,
      ...(flags.user === undefined ? {} : { user: flags.user }),
      ...(flags.env === undefined ? {} : { env: flags.env }),
      ...(flags.cwd === undefined ? {} : { cwd: flags.cwd }),
      ...(flags.tty || flags['no-tty'] ? { tty: flags.tty } : {}),
    });
  }
}
