import { string } from '@oclif/core/args';
import { string as stringFlag } from '@oclif/core/flags';
import { nameArg } from './base-command.js';

/** Whose ports, and which. */
export const portArgs = {
  name: nameArg,
  port: string({
    description: '[IP:]HOST[-END]:CONTAINER[/tcp|udp]',
    required: true,
    multiple: true,
    ignoreStdin: true,
  }),
};

/** @param otherwise which one where none is said. */
export function interfaceFlag(otherwise: string) {
  return stringFlag({ char: 'i', summary: `of the container; default ${otherwise}`, helpValue: 'IF' });
}
