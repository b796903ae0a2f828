import { resolve } from 'node:path';
import { boolean, string } from '@oclif/core/flags';
import { BaseCommand, nameArg } from '../base-command.js';

export default class Create extends BaseCommand {
  static override summary = 'make a container';
  static override description =
    'From a template, or from a root filesystem that is at hand. From a cached image nothing is copied. Either there is a whole container at the end, or nothing.';
  static override args = { name: nameArg };
  static override flags = {
    template: string({
      char: 't',
      summary: 'what to start from: busybox, debian, host',
      exclusive: ['rootfs'],
    }),
    release: string({ summary: 'release of the template, such as trixie', dependsOn: ['template'] }),
    parameter: string({
      char: 'P',
      summary: "a parameter of the template's recipe, such as init=sysvinit or packages=vim,openssh-server",
      helpValue: 'NAME=VALUE',
      multiple: true,
      multipleNonGreedy: true,
      dependsOn: ['template'],
    }),
    rootfs: string({ summary: 'a directory, or a tar (.gz, .xz, .zst)', helpValue: 'DIR|TAR' }),
    set: string({
      char: 's',
      summary: 'a setting of its config',
      helpValue: 'Section.Key=VALUE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    start: boolean({ summary: 'start it at once' }),
    wait: boolean({ char: 'w', summary: 'and come back when it is ready', dependsOn: ['start'] }),
  };
  static override examples = [
    '<%= config.bin %> create web --template debian --start',
    '<%= config.bin %> create box --template busybox --set Exec.Hostname=box.example',
    '<%= config.bin %> create old --rootfs /srv/old.tar.xz',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Create);
    const ctx = await this.context(flags);
    const { create } = await import('../../lifecycle/create.js');
    const created = await create(ctx, args.name, {
      source: flags.rootfs === undefined ? fromTemplate(flags) : { rootfs: resolve(flags.rootfs) },
      set: flags.set ?? [],
    });
    if (flags.start) {
      const { start } = await import('../../lifecycle/start.js');
      await start(ctx, args.name, { wait: flags.wait });
    }
    if (flags.json) this.printJson(created);
  }
}

function fromTemplate(
  flags: Record<'template' | 'release', string | undefined> & { parameter: string[] | undefined },
) {
  const pairs = (flags.parameter ?? []).map((word): [string, string] => {
    const at = word.indexOf('=');
    return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
  });
  return {
    template: flags.template ?? 'busybox',
    ...(flags.release ? { release: flags.release } : {}),
    parameters: Object.fromEntries(pairs),
  };
}
