import { ExitCode, TsctError } from '../base/errors.js';

/** Longest name: it is also the host name inside, and Linux has HOST_NAME_MAX 64 (gethostname(2)). */
const NAME_LENGTH_MAX = 64;
const NAME = /^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$/;

/**
 * True for a name that a container may have. `_` is not in it: it joins name and root hash in keys; `.slice` at the end
 * says that a group holds containers and is none.
 */
export function isValidName(name: string): boolean {
  return (
    name.length <= NAME_LENGTH_MAX && NAME.test(name) && !name.includes('..') && !name.endsWith('.slice')
  );
}

/**
 * Checks the name of a container before it becomes part of a path.
 * @throws TSCT_BAD_NAME (exit 2), saying what is wrong with it and what is allowed.
 */
export function checkName(name: string): void {
  if (isValidName(name)) return;
  throw new TsctError(
    'TSCT_BAD_NAME',
    `${JSON.stringify(name)} is not a container name: ${whatIsWrong(name)}`,
    {
      exitCode: ExitCode.Usage,
      hint: 'allowed are 1 to 64 letters, digits, dots and dashes, beginning and ending with a letter or digit, no two dots in a row',
    },
  );
}

function whatIsWrong(name: string): string {
  if (name === '') return 'it is empty';
  if (name.length > NAME_LENGTH_MAX)
    return `it is longer than ${NAME_LENGTH_MAX} characters (${name.length})`;
  if (name.includes('/')) return 'it must not be a path';
  const bad = /[^a-zA-Z0-9.-]/u.exec(name);
  if (bad) return `${JSON.stringify(bad[0])} is not allowed`;
  if (name.includes('..')) return 'two dots in a row are not allowed';
  if (name.endsWith('.slice')) return 'it ends as a slice does, with ".slice"';
  if (/^[.-]/.test(name)) return `it must not begin with "${name[0]}"`;
  return `it must not end with "${name.at(-1)}"`;
}
