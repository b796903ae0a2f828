import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ExitCode, isErrno, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import { sectionsOf } from './sections.js';

const RECIPES_DIR = fileURLToPath(new URL('../../rootfs-recipes/', import.meta.url));
/** Raised when what is made of the same recipe changes its form. */
const KEY_FORMAT = 1;

/** rootfs-recipes/NAME/recipe.ini: how a root filesystem is built. */
export interface Recipe {
  readonly name: string;
  readonly dir: HostPath;
  readonly description: string;
  /** Program beside recipe.ini that fills the tree; see buildLayer for what it is told. */
  readonly build: string;
  /** Host programs that it needs → Debian package that brings each. */
  readonly programs: Readonly<Record<string, string>>;
  /** Host files that end up in the tree: another one of them is another image. */
  readonly inputs: readonly HostPath[];
  /** Parameter → value unless told. */
  readonly defaults: Readonly<Record<string, string>>;
  /** Parameter → the values that it may have; absent: any. */
  readonly choices: Readonly<Record<string, readonly string[]>>;
  /** Digest of every file of the recipe. */
  readonly digest: string;
}

export type Parameters = Readonly<Record<string, string>>;

/** @throws TSCT_NO_RECIPE; TSCT_BAD_RECIPE. */
export async function readRecipe(name: string, recipesDir = RECIPES_DIR): Promise<Recipe> {
  const dir = join(recipesDir, name);
  let text: string;
  try {
    text = await readFile(join(dir, 'recipe.ini'), 'utf8');
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT', 'ENOTDIR')) throw cause;
    throw new TsctError('TSCT_NO_RECIPE', `there is no recipe ${name}: ${dir}/recipe.ini is not there`, {
      cause,
    });
  }
  const ini = sectionsOf(text);
  const head = ini['Recipe'] ?? {};
  if (!head['Build']) {
    throw new TsctError('TSCT_BAD_RECIPE', `cannot use recipe ${name}: it has no Build= in [Recipe]`);
  }
  return {
    name,
    dir,
    description: head['Description'] ?? '',
    build: head['Build'],
    programs: Object.fromEntries(words(head['Programs']).map((word) => split(word, ':'))),
    inputs: words(head['Inputs']),
    defaults: ini['Parameters'] ?? {},
    choices: Object.fromEntries(Object.entries(ini['Choices'] ?? {}).map(([k, v]) => [k, words(v)])),
    digest: await digestOf(dir),
  };
}

/**
 * The recipe's defaults with the given values over them.
 * @throws TSCT_BAD_PARAMETER (exit 2) for a name it does not have, a value it does not allow.
 */
export function completeParameters(recipe: Recipe, given: Parameters): Parameters {
  for (const [name, value] of Object.entries(given)) {
    if (!(name in recipe.defaults)) {
      throw badParameter(
        recipe,
        `it has no ${name}`,
        `it has: ${Object.keys(recipe.defaults).join(' ') || 'none'}`,
      );
    }
    const choices = recipe.choices[name];
    if (choices && !choices.includes(value)) {
      throw badParameter(
        recipe,
        `${name} cannot be ${JSON.stringify(value)}`,
        `allowed: ${choices.join(' ')}`,
      );
    }
    // They become arguments of host programs run by root.
    if (!/^([\w][\w.,:+~/-]*)?$/.test(value)) {
      throw badParameter(
        recipe,
        `${name} cannot be ${JSON.stringify(value)}`,
        'letters, digits and . , : + ~ / - only',
      );
    }
  }
  return { ...recipe.defaults, ...given };
}

function badParameter(recipe: Recipe, why: string, hint: string): TsctError {
  return new TsctError('TSCT_BAD_PARAMETER', `cannot use recipe ${recipe.name}: ${why}`, {
    exitCode: ExitCode.Usage,
    hint,
  });
}

/** Names the image that a recipe and parameters make on this machine: 32 hex digits. */
export async function imageKey(recipe: Recipe, parameters: Parameters): Promise<string> {
  const inputs = await Promise.all(recipe.inputs.map(async (path) => [path, await fingerprint(path)]));
  const sorted = Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([KEY_FORMAT, recipe.name, recipe.digest, sorted, arch(), inputs]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

async function fingerprint(path: HostPath): Promise<string> {
  try {
    const { size, mtimeMs } = await stat(path);
    return `${size} ${mtimeMs}`;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return 'missing';
    throw error;
  }
}

async function digestOf(dir: HostPath): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(dir, { withFileTypes: true, recursive: true });
  const files = entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name));
  for (const file of files.sort()) {
    hash.update(`${file.slice(dir.length)}\0`).update(await readFile(file));
  }
  return hash.digest('hex');
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}

/** `key:value`; a word without the mark is both. */
export function split(word: string, mark: string): [string, string] {
  const at = word.indexOf(mark);
  return at < 0 ? [word, word] : [word.slice(0, at), word.slice(at + 1)];
}
