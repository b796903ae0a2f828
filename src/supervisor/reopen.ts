import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostPath } from '../base/paths.js';
import { addon, isSyscallErrno } from './addon.js';
import { askStatus, type Presence } from './client.js';

/** It makes a directory and a socket: as good as nothing, unless the host is very busy. */
const REOPEN_TIMEOUT_MS = 5_000;

/**
 * Somebody took the run directory or the socket of a living supervisor away (a cleaner of /run): asks it by SIGUSR1
 * to make both again, and for its status then.
 */
export async function reopenControl(socket: HostPath, supervisorPid: number): Promise<Presence> {
  try {
    const pidfd = addon().pidfdOpen(supervisorPid);
    addon().pidfdSendSignal(pidfd, constants.signals.SIGUSR1);
    closeSync(pidfd);
  } catch (error) {
    if (!isSyscallErrno(error, 'ESRCH')) throw error;
  }
  const deadline = Date.now() + REOPEN_TIMEOUT_MS;
  for (;;) {
    const presence = await askStatus(socket);
    if (presence.is === 'alive' || Date.now() > deadline) return presence;
    await sleep(10);
  }
}
