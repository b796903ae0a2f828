import { resolve } from 'node:path';
import { string } from '@oclif/core/flags';

/** Flags of every verb about a repository. */
export const repositoryFlags = {
  repo: string({ summary: 'the repository', helpValue: 'DIR', required: true }),
  'key-file': string({
    summary:
      "file with the repository's key; not given: .backup/key of the state root, which the first backup makes",
    helpValue: 'FILE',
  }),
};

/** As lifecycle takes them. */
export function repositoryOptions(flags: { readonly repo: string; readonly 'key-file': string | undefined }) {
  const { repo, 'key-file': keyFile } = flags;
  return { repo: resolve(repo), ...(keyFile === undefined ? {} : { keyFile: resolve(keyFile) }) };
}
