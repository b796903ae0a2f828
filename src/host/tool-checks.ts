import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { badLine, type CheckLine, okLine } from './check-line.js';

interface ToolRow {
  readonly program: string;
  readonly debianPackage: string;
  /** What does not work without it. */
  readonly use: string;
}

/** Programs that tsct calls when it is asked for what they do; nothing but `create` and bundles needs any. */
const TOOLS: readonly ToolRow[] = [
  { program: 'busybox', debianPackage: 'busybox-static', use: 'create --template busybox' },
  { program: 'mmdebstrap', debianPackage: 'mmdebstrap', use: 'create --template debian' },
  { program: 'gpgv', debianPackage: 'gpgv', use: 'create --template debian: signatures' },
  { program: 'unshare', debianPackage: 'util-linux', use: 'create --template' },
  { program: 'runc', debianPackage: 'runc', use: 'running what start --export-bundle writes' },
];

/**
 * Looks for programs as execvp(3) would.
 * @param path a PATH.
 */
export function judgeTools(path: string): readonly CheckLine[] {
  return TOOLS.map(({ program, debianPackage, use }) => {
    const found = findProgram(program, path);
    if (found) return okLine('tools', program, found);
    return badLine('tools', program, {
      required: false,
      found: `not installed: ${use} does not work`,
      fix: `apt-get install ${debianPackage}`,
    });
  });
}

function findProgram(program: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter(Boolean)
    .map((dir) => join(dir, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
