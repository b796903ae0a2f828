import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TsctError } from '../base/errors.js';

/**
 * Lets the user edit a text and gives it to `accept`. A text that is refused stays where the error says, so that
 * no work is lost.
 * @throws TSCT_EDITOR_FAILED; what `accept` throws.
 */
export async function editInEditor<T>(
  name: string,
  text: string,
  accept: (edited: string) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'tsct-edit-'));
  const file = join(dir, `${name}.conf`);
  await writeFile(file, text, { mode: 0o600 });
  const editor = process.env['VISUAL'] || process.env['EDITOR'] || 'vi';
  // By a shell, as git and crontab do: the variable may hold arguments.
  const ran = spawnSync('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' });
  const edited = await readFile(file, 'utf8');
  if (ran.status !== 0) {
    await rm(dir, { recursive: true });
    throw new TsctError('TSCT_EDITOR_FAILED', `cannot edit the config of ${name}: ${editor} failed`, {
      hint: 'nothing was changed; choose another editor with EDITOR=',
    });
  }
  try {
    const result = await accept(edited);
    await rm(dir, { recursive: true });
    return result;
  } catch (error) {
    process.stderr.write(`Nothing was changed. Your text is in ${file}\n`);
    throw error;
  }
}
