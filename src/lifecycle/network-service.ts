import { readOptional } from '../host/optional-file.js';

/** What gives out addresses and answers for names on a network that is up. */
export interface NetworkService {
  readonly running: boolean;
  /** What it or its keeper said last, where it does not run; null: nothing, or to the journal. */
  readonly said: string | null;
}

/**
 * By the process that the keeper has. Between two tries there is none.
 * @param runDir of the network. @returns undefined where nothing was started: the network is down.
 */
export function readService(runDir: string): NetworkService | undefined {
  const pid = readOptional(`${runDir}/keeper.lock`)?.trim();
  if (!pid) return undefined;
  const running = Boolean(readOptional(`/proc/${pid}/task/${pid}/children`)?.trim());
  if (running) return { running, said: null };
  const lines = readOptional(`${runDir}/keeper.log`)?.trimEnd().split('\n') ?? [];
  // What ended says why; that it was tried again is no reason.
  return { running, said: lines.findLast((line) => line !== '' && !line.startsWith('tsct-keeper:')) ?? null };
}
