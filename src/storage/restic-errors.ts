import { ExitCode, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import { pathOf } from './restic-damage.js';

export interface ResticPlace {
  readonly repository: HostPath;
  readonly keyFile: HostPath;
}

/**
 * Words for a run that failed.
 * @returns an {@link UnnamedDamage} when restic does not say which of its files is the reason.
 */
export function describeFailure(at: ResticPlace, doing: string, error: unknown): unknown {
  if (!(error instanceof TsctError) || error.code !== 'TSCT_PROGRAM_FAILED') return error;
  const said = String((error.cause as { readonly stderr?: unknown }).stderr ?? '');
  if (/wrong password or no key found/.test(said)) return wrongKey(doing, at.keyFile, at.repository);
  if (/already locked/.test(said)) return busy(doing);
  if (/no space left on device/.test(said)) return noSpace(doing, error);
  const [, type, id] = /<(\w+)\/([0-9a-f]{10,64})>/.exec(said) ?? [];
  if (type !== undefined && id !== undefined)
    return damagedError(at, doing, `${pathOf(at.repository, type, id)} is damaged`);
  const why = said.trim().split('\n').slice(0, 6).join('; ') || error.message;
  if (/damaged|verification failed|not found in repository|invalid data|contains errors/.test(said)) {
    return new UnnamedDamage(why);
  }
  return failed(doing, why);
}

export function damagedError({ repository }: ResticPlace, doing: string, what: string): TsctError {
  return new TsctError('TSCT_BACKUP_DAMAGED', `cannot ${doing}: the repository is damaged: ${what}`, {
    hint: `all that is damaged is told by: tsct backup verify --repo ${repository}`,
  });
}

export function failed(doing: string, why: string): TsctError {
  return new TsctError('TSCT_BACKUP_FAILED', `cannot ${doing}: ${why}`);
}

/** restic says which file of the container it cannot bring back, not which of its own is the reason. */
export class UnnamedDamage extends Error {}

function wrongKey(doing: string, keyFile: HostPath, repository: HostPath): TsctError {
  return new TsctError(
    'TSCT_BACKUP_KEY',
    `cannot ${doing}: the key in ${keyFile} does not open ${repository}`,
    {
      hint: 'give the key that it was made with: --key-file FILE',
    },
  );
}

function busy(doing: string): TsctError {
  return new TsctError('TSCT_BUSY', `cannot ${doing}: somebody else is at work on the repository`, {
    exitCode: ExitCode.WrongState,
    hint: 'wait for that to end, then try again',
  });
}

function noSpace(doing: string, cause: unknown): TsctError {
  return new TsctError('TSCT_NO_SPACE', `cannot ${doing}: no space left on device`, {
    hint: 'free some space there; what was saved already is taken up by the next backup',
    cause,
  });
}
