import type { Interfaces } from '@oclif/core';
import { globalFlags } from '../../src/cli/base-command.js';

/** What a command says about its options; the classes of src/cli/commands have it. */
export interface Described {
  readonly flags?: Interfaces.FlagInput;
}

/** The text of a man page with its OPTIONS section written anew from the commands' own flags. */
export function withOptions(page: string, commands: readonly Described[]): string {
  const flags = Object.assign({}, ...commands.map((command) => command.flags ?? {}), globalFlags);
  const options = Object.entries(flags as Interfaces.FlagInput)
    .map(([name, flag]) => `.TP\n${title(name, flag)}\n${sentence(flag.summary ?? '')}\n`)
    .join('');
  return page.replace(/^\.SH OPTIONS\n[\s\S]*?(?=^\.SH )/m, () => `.SH OPTIONS\n${options}`);
}

function title(name: string, flag: Interfaces.FlagInput[string]): string {
  const short = flag.char ? `\\-${flag.char}\\fR, \\fB` : '';
  const takes = flag.type === 'boolean' ? '' : ` \\fI${flag.helpValue ?? name.toUpperCase()}\\fR`;
  return `\\fB${short}\\-\\-${name.replaceAll('-', '\\-')}\\fR${takes}`;
}

function sentence(summary: string): string {
  const text = summary.replaceAll('\\', '\\e').replaceAll('-', '\\-');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
