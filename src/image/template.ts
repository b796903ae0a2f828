import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ExitCode, isErrno, TsctError } from '../base/errors.js';
import { type Parameters, split } from './recipe.js';
import { sectionsOf } from './sections.js';

const TEMPLATES_DIR = fileURLToPath(new URL('../../templates/', import.meta.url));
const SUFFIX = '.ini';

/** templates/NAME.ini: a section [Template], then the config that a new container begins with. */
export interface Template {
  readonly name: string;
  readonly description: string;
  /** Recipe= in [Template]. */
  readonly recipe: string;
  /** Parameters= in [Template]: NAME=VALUE words for the recipe. */
  readonly parameters: Parameters;
  /** Everything after [Template], byte for byte. */
  readonly config: string;
}

/** Names, sorted. */
export async function listTemplates(dir = TEMPLATES_DIR): Promise<string[]> {
  const files = await readdir(dir);
  return files
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
    .sort();
}

/** @throws TSCT_NO_TEMPLATE (exit 2) with the names there are; TSCT_BAD_TEMPLATE. */
export async function readTemplate(name: string, dir = TEMPLATES_DIR): Promise<Template> {
  let text: string;
  try {
    if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) throw await noTemplate(name, dir);
    text = await readFile(join(dir, name + SUFFIX), 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw await noTemplate(name, dir);
    throw error;
  }
  return parseTemplate(name, text);
}

/** Pure half of readTemplate. */
export function parseTemplate(name: string, text: string): Template {
  const rest = /^\[(?!Template\])/m.exec(text);
  const head = rest ? text.slice(0, rest.index) : text;
  const keys = sectionsOf(head)['Template'] ?? {};
  if (!keys['Recipe']) {
    throw new TsctError('TSCT_BAD_TEMPLATE', `cannot use template ${name}: it has no Recipe= in [Template]`);
  }
  const parameters = (keys['Parameters'] ?? '').split(/\s+/).filter((word) => word !== '');
  return {
    name,
    description: keys['Description'] ?? '',
    recipe: keys['Recipe'],
    parameters: Object.fromEntries(parameters.map((word) => split(word, '='))),
    config: rest ? text.slice(rest.index) : '',
  };
}

async function noTemplate(name: string, dir: string): Promise<TsctError> {
  return new TsctError('TSCT_NO_TEMPLATE', `there is no template ${JSON.stringify(name)}`, {
    exitCode: ExitCode.Usage,
    hint: `there are: ${(await listTemplates(dir)).join(' ')}`,
  });
}
