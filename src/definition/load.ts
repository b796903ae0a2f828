import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import { configError } from './config-error.js';
import { type ConfigText, parseDefinition } from './parse.js';
import type { ContainerDefinition } from './schema.js';

/** A config is written by people: what is larger is something else. */
export const CONFIG_BYTES_MAX = 256 * 1024;
/** Credentials are kept in memory and in the plan (systemd's own bound for all of a unit's). */
const CREDENTIAL_BYTES_MAX = 1024 ** 2;

/**
 * `config` and the drop-ins `config.d/*.conf` of a container, in the order they count.
 * @throws TSCT_CONFIG_MISSING, TSCT_CONFIG_TOO_LARGE, TSCT_CONFIG_NOT_TEXT, TSCT_CONFIG_UNREADABLE.
 */
export async function loadTexts(containerDir: HostPath): Promise<readonly ConfigText[]> {
  const dropInDir = join(containerDir, 'config.d');
  const dropIns = (await readdir(dropInDir).catch(ignoreMissing)) ?? [];
  const names = dropIns.filter((name) => name.endsWith('.conf') && !name.startsWith('.')).sort();
  const files = [join(containerDir, 'config'), ...names.map((name) => join(dropInDir, name))];
  return Promise.all(
    files.map(async (file) => ({ file, text: decodeConfig(await readBounded(file), file) })),
  );
}

/** One file that need not be there: undefined then. @throws what {@link loadTexts} throws. */
export async function loadTextOf(file: HostPath): Promise<ConfigText | undefined> {
  try {
    return { file, text: decodeConfig(await readBounded(file), file) };
  } catch (error) {
    if (error instanceof TsctError && error.code === 'TSCT_CONFIG_MISSING') return undefined;
    throw error;
  }
}

/**
 * The definition of the container in this directory.
 * @throws what {@link loadTexts} and {@link parseDefinition} throw.
 */
export async function loadDefinition(containerDir: HostPath): Promise<ContainerDefinition> {
  return parseDefinition(await loadTexts(containerDir));
}

/**
 * Checks a whole text before it becomes `file`, as `config edit` does.
 * @throws every error that loading it would give.
 */
export function validateText(text: string, file: string): ContainerDefinition {
  return parseDefinition([{ file, text: decodeConfig(Buffer.from(text), file) }]);
}

/** @throws TSCT_CONFIG_TOO_LARGE, TSCT_CONFIG_NOT_TEXT */
function decodeConfig(bytes: Buffer, file: string): string {
  if (bytes.length > CONFIG_BYTES_MAX) throw tooLarge(file, CONFIG_BYTES_MAX);
  const nul = bytes.indexOf(0);
  try {
    if (nul < 0) return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Not UTF-8: the same to the user as a NUL byte.
  }
  const line = nul < 0 ? 0 : bytes.subarray(0, nul).filter((byte) => byte === 0x0a).length + 1;
  throw configError(
    'TSCT_CONFIG_NOT_TEXT',
    { file, line },
    nul < 0 ? 'is not UTF-8 text' : 'has a NUL byte in it',
    {
      hint: 'the config is INI text: is this another file?',
    },
  );
}

function tooLarge(file: string, bytesMax: number): TsctError {
  return configError(
    'TSCT_CONFIG_TOO_LARGE',
    { file, line: 0 },
    `is larger than ${bytesMax / 1024} KiB, more than tsct reads`,
  );
}

/** Never waits (a FIFO) and never reads more than the bound and a byte (a device, a file that grows). */
async function readBounded(file: string, bytesMax = CONFIG_BYTES_MAX): Promise<Buffer> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  try {
    if (!(await handle.stat()).isFile()) throw unreadable(file, 'is not a regular file');
    const buffer = Buffer.alloc(Math.min((await handle.stat()).size + 1, bytesMax + 1));
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = (await handle.read(buffer, length, buffer.length - length, length)).bytesRead;
    }
    if (length > bytesMax) throw tooLarge(file, bytesMax);
    return buffer.subarray(0, length);
  } finally {
    await handle.close();
  }
}

function unreadable(file: string, cause: unknown): TsctError {
  const isMissing = isErrno(cause, 'ENOENT');
  const why = isMissing
    ? 'is missing'
    : typeof cause === 'string'
      ? cause
      : `cannot be read: ${String(cause)}`;
  const code = isMissing ? 'TSCT_CONFIG_MISSING' : 'TSCT_CONFIG_UNREADABLE';
  return configError(code, { file, line: 0 }, why, { cause });
}

function ignoreMissing(error: unknown): undefined {
  if (isErrno(error, 'ENOENT')) return undefined;
  throw error;
}

/**
 * Contents of the LoadCredential= files by ID, base64, for the plan.
 * @throws TSCT_CONFIG_VALUE with the config's line for a file that cannot be read.
 */
export async function readCredentials(
  definition: ContainerDefinition,
): Promise<Readonly<Record<string, string>>> {
  const origins = definition.origins.get('Exec.LoadCredential') ?? [];
  const contents = definition.exec.loadCredentials.map(async ({ id, value }, index) => {
    try {
      return [id, (await readBounded(value, CREDENTIAL_BYTES_MAX)).toString('base64')] as const;
    } catch (cause) {
      const origin = origins[index] ?? { file: value, line: 0 };
      const why = cause instanceof TsctError ? cause.message : String(cause);
      throw configError('TSCT_CONFIG_VALUE', origin, `LoadCredential=: ${why}`, { cause });
    }
  });
  return Object.fromEntries(await Promise.all(contents));
}
