import { ExitCode, TsctError } from '../base/errors.js';

/**
 * Cuts the words of `tsct exec` in two: our own up to `--`, the guest's after it. Without `--` the guest's begin
 * with the second word that is no option: `tsct exec web ls -l` does what it looks like.
 * @param withValue options of ours that take a word.
 * @throws TSCT_NO_COMMAND (exit 2).
 */
export function splitCommand(
  words: readonly string[],
  withValue: readonly string[],
): { readonly options: string[]; readonly command: string[] } {
  let positional = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (word === '--') return cut(words, i, i + 1);
    if (word === '--help' || word === '-h') return { options: [...words], command: [] };
    if (word.startsWith('-') && word !== '-') {
      if (withValue.includes(word)) i++;
      continue;
    }
    positional++;
    if (positional === 2) return cut(words, i, i);
  }
  return cut(words, words.length, words.length);
}

function cut(words: readonly string[], end: number, begin: number) {
  const command = words.slice(begin);
  if (command.length > 0) return { options: words.slice(0, end), command };
  throw new TsctError('TSCT_NO_COMMAND', 'cannot run a command: none was given', {
    exitCode: ExitCode.Usage,
    hint: 'tsct exec NAME -- COMMAND [ARG]..., or tsct attach NAME for a shell',
  });
}
