import { join } from 'node:path';
import { SLICE_DIR } from '../base/paths.js';
import { configError } from './config-error.js';
import { DEVICE_KEYS } from './device-keys.js';
import { loadTextOf } from './load.js';
import { type ConfigText, findRow, parseDefinition } from './parse.js';
import { scanLines } from './scan.js';
import type { ContainerDefinition } from './schema.js';

/**
 * Limits of a slice on a host that is not run by systemd, as [Resources] of a definition; undefined: it has no file.
 * @throws what reading and parsing a config throws, with the file and line of the slice.
 */
export async function loadSlice(name: string): Promise<ContainerDefinition | undefined> {
  const text = await loadTextOf(join(SLICE_DIR, name));
  return text && parseSlice(text);
}

/** @throws TSCT_CONFIG_UNKNOWN_SECTION for another than [Slice], TSCT_CONFIG_UNKNOWN_KEY for what is no limit. */
export function parseSlice({ file, text }: ConfigText): ContainerDefinition {
  const definition = parseDefinition([{ file, text: asResources({ file, text }) }]);
  for (const [name, [place]] of definition.origins) {
    const key = name.replace('Resources.', '');
    if (!place || (findRow('Resources', key)?.live && !Object.hasOwn(DEVICE_KEYS, key))) continue;
    throw configError('TSCT_CONFIG_UNKNOWN_KEY', place, `${key}= is no limit that containers can share`, {
      hint: 'take it out, or have it in [Resources] of each container',
    });
  }
  return definition;
}

/** Lines stay where they are, so that errors name them. */
function asResources({ file, text }: ConfigText): string {
  const parts: string[] = [];
  for (const line of scanLines(text)) {
    const isHeader = line.kind === 'section';
    if (isHeader && line.section !== 'Slice') {
      const why = `unknown section [${line.section}]`;
      throw configError('TSCT_CONFIG_UNKNOWN_SECTION', { file, line: line.line }, why, {
        hint: 'a slice has one section, [Slice]',
      });
    }
    parts.push(isHeader ? '[Resources]\n' : text.slice(line.start, line.end));
  }
  return parts.join('');
}
