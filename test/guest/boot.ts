import { expect, test } from 'vitest';
import { type GuestName, guestTar } from '../support/guests.js';
import { SLOWNESS, type TestRoot, until } from '../support/temp-root.js';

/** What `tsct info --json` says, as far as these tests ask. */
export interface Info {
  readonly state: string;
  readonly pid: number;
  readonly supervisorPid: number;
  readonly idmap: unknown;
  readonly addresses: unknown;
  readonly ready: boolean;
  readonly readyBy: string;
}

export const info = async (root: TestRoot, name: string): Promise<Info> =>
  (await root.ok(['info', name, '--json'])).json<Info>();

export const consoleLog = async (root: TestRoot, name: string): Promise<string> =>
  (await root.ok(['logs', name])).stdout;

export interface GuestFacts {
  readonly guest: GuestName | 'busybox';
  /** How the guest says that it is up. */
  readonly readyBy: 'notify' | 'getty' | 'runlevel';
  /** `comm` of PID 1. */
  readonly init: string;
  readonly poweroff: string;
  readonly reboot: string;
}

export async function createGuest(root: TestRoot, name: string, guest: GuestFacts['guest']): Promise<void> {
  const from = guest === 'busybox' ? ['--template', 'busybox'] : ['--rootfs', await guestTar(guest)];
  await root.ok(['create', name, ...from]);
}

/**
 * The life that every guest must have: boots with a login prompt on its console, reboots from inside as the same
 * container, powers off from inside, and is stopped cleanly from outside.
 */
export function guestLife(root: TestRoot, facts: GuestFacts): void {
  const name = facts.guest;

  test('boots to a login prompt, says that it is ready, stops by the signal of its init', async () => {
    await root.ok(['start', name, '--wait']);
    expect(await root.sh(name, 'cat /proc/1/comm')).toBe(facts.init);
    const up = await info(root, name);
    expect(up).toMatchObject({ state: 'running', ready: true, readyBy: facts.readyBy });
    await loginPrompt(root, name, 1);

    const stop = await root.ok(['stop', name]);
    expect(stop.stderr, 'no kill was needed').not.toMatch(/kill/i);
    expect((await info(root, name)).state).toBe('stopped');
  });

  test('reboots from inside as the same container', async () => {
    await root.ok(['start', name, '--wait']);
    const before = await info(root, name);
    await loginPrompt(root, name, 1);
    await root.run(['exec', name, '-T', '--', 'sh', '-c', facts.reboot]);

    await until('another PID 1 runs', async () => {
      const now = await info(root, name);
      return now.state === 'running' && now.pid !== before.pid && now.pid > 0;
    });
    await loginPrompt(root, name, 2);
    const after = await info(root, name);
    expect(after.supervisorPid).toBe(before.supervisorPid);
    expect(after.idmap).toEqual(before.idmap);
    expect(after.addresses).toEqual(before.addresses);
    await root.ok(['stop', name]);
  });

  test('powers off from inside and is stopped, nothing left', async () => {
    await root.ok(['start', name, '--wait']);
    await loginPrompt(root, name, 1);
    await root.run(['exec', name, '-T', '--', 'sh', '-c', facts.poweroff]);
    const seconds = String(60 * SLOWNESS);
    await root.ok(['wait', name, '--for', 'stopped', '--timeout', seconds], {
      timeoutMs: 70_000 * SLOWNESS,
    });
    expect((await info(root, name)).state).toBe('stopped');
    const left = [...root.traces()].filter((trace) => !trace.startsWith('file '));
    expect(left).toEqual([]);
  });
}

/** agetty prints the host's name before `login:`, busybox's getty too; one for each boot in the log. */
async function loginPrompt(root: TestRoot, name: string, boots: number): Promise<void> {
  await until(`login prompt number ${boots} on the console of ${name}`, async () => {
    const prompts = (await consoleLog(root, name)).match(/\blogin:/g) ?? [];
    return prompts.length >= boots;
  });
}
