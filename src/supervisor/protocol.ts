/**
 * The words between TypeScript and a running supervisor. native/supervisor/control.cc has the other half.
 *
 *   connect to /run/tsct/KEY/control (SOCK_STREAM, mode 0600), send one line, read JSON lines:
 *
 *   `1 status`            → Status, then the supervisor closes
 *   `1 halt`              → Answer   asks init to power off, by the signal that this init understands
 *   `1 reboot`            → Answer   asks init to reboot
 *   `1 kill`              → Answer   SIGKILL to everything in the payload
 *   `1 signal N`          → Answer   signal N to PID 1
 *   `1 freeze` `1 thaw`   → Answer   once the kernel says so
 *   `1 hold`              → Answer   frozen until the client sends another line, to which the Answer tells that it
 *                           stood still all the time, or until it closes the connection or is killed. Its state
 *                           stays `running`. The supervisor closes first when the system is asked to halt
 *   `1 events`            → Status, then one Event a line until the container is gone and all is undone
 *   `1 plan`              → Answer   the plan that comes with it (SCM_RIGHTS; tsct-setup only) is that of this run
 *                           from now on: its end, and a start after a reboot from inside, go by it
 *   `1 ports`             → Answer   the tsct-ports whose pidfd comes with it (SCM_RIGHTS; tsct-setup only) is
 *                           watched: when it has ended before the system does, it is started again
 *   `1 enter`             → Enter, with the pidfd of PID 1 (SCM_RIGHTS; tsct-exec only)
 *   `1 share`             → Answer   the listener that comes with it (SCM_RIGHTS; tsct-exec only), at which a command
 *                           stops when it asks what it may use, is answered (native/setup/share_filter.h)
 *   `1 console`           → the rest of the connection is the console's bytes, both ways (tsct-exec only);
 *                           `1 console ROWS COLS` sets the size first. It goes on over a reboot; the
 *                           supervisor closes it when the container is gone
 *   `1 resize ROWS COLS`  → Answer   size of the console: a connection of its own, as console bytes have no
 *                           room for words
 *
 * The leading number is PROTOCOL_FORMAT. A supervisor answers what it does not know with
 * `{"ok":false,"error":{...}}`, and keeps the meaning of every word above for ever.
 */
export const PROTOCOL_FORMAT = 1;

export type RunState = 'starting' | 'running' | 'frozen' | 'stopping' | 'restarting';

export interface Status {
  readonly format: number;
  readonly name: string;
  readonly uuid: string;
  readonly state: RunState;
  /** Of the guest's PID 1 on the host; 0 between runs (`restarting`, early `starting`). */
  readonly pid: number;
  readonly supervisorPid: number;
  /** CLOCK_REALTIME of this run's exec of init. */
  readonly startedAtMs: number;
  /** Absolute path of the payload's cgroup in the v2 tree. */
  readonly cgroup: string;
  readonly init: 'systemd' | 'sysvinit' | 'busybox' | 'openrc' | 'runit' | 'unknown';
  readonly ready: boolean;
  /** What was observed: `notify`, `getty` (somebody opened the console), `runlevel`; empty while not ready. */
  readonly readyBy: '' | 'notify' | 'getty' | 'runlevel';
  /** Last STATUS= of the guest. */
  readonly statusText: string;
  /** How often init has been started by this supervisor: 1 on the first run. */
  readonly boots: number;
  /** Frozen at its memory limit until there is room. Absent: a supervisor from before there was OOMPolicy=. */
  readonly oomHeld?: boolean;
  /** How often that limit was reached since `tsct start`. */
  readonly oomCount?: number;
}

export type Answer = { readonly ok: true } | { readonly ok: false; readonly error: NativeError };

export type Event =
  | { readonly event: 'state'; readonly state: RunState; readonly pid: number }
  | { readonly event: 'ready'; readonly by: string }
  | {
      /** The memory limit was reached. */
      readonly event: 'oom';
      /** What became of it; `kill`: the kernel kills somebody. */
      readonly action: 'kill' | 'kill-all' | 'freeze' | 'restart' | 'raise';
      readonly usageBytes: number;
      readonly limitBytes: number;
      readonly raisedToBytes?: number;
    }
  | {
      /** OOMHook= ended: its exit code; 127 it is not there, 126 it could not be run, 128 and more: by a signal. */
      readonly event: 'oom-hook';
      readonly code: number;
    }
  | {
      readonly event: 'exited';
      readonly exit: ExitRecord;
      readonly next: 'stopped' | 'rebooting' | 'restarting';
    }
  | { readonly event: 'stopped'; readonly exit: ExitRecord }
  | { readonly event: 'failed'; readonly error: NativeError };

/** How a run ended; also the content of NAME/last-exit.json. */
export interface ExitRecord {
  readonly format: 1;
  readonly atMs: number;
  /** exited: code of init; poweroff, reboot: reboot(2) inside; signal: init killed by it; oom-kill: at MemoryMax=. */
  readonly cause: 'poweroff' | 'reboot' | 'exited' | 'signal' | 'killed' | 'oom-kill' | 'start-failed';
  /** Exit code of init, or the signal's number. */
  readonly code: number;
  /** `tsct stop` and friends asked for it. */
  readonly requested: boolean;
}

/** A failed step, as native reports it; `describeNativeError` turns it into a sentence. */
export interface NativeError {
  /** launch, monitor, outer, inner, exec, teardown. */
  readonly stage: string;
  /** What was being done: `mount layer`, `write uid map`. */
  readonly step: string;
  readonly call: string;
  /** Number from errno(3); 0 when no call failed. */
  readonly errno: number;
  readonly target: string;
  readonly detail?: string;
}

/** First line on the start report (supervisor's fd 1), then it is closed. */
export type StartReport =
  | { readonly event: 'started'; readonly pid: number; readonly supervisorPid: number }
  | { readonly event: 'failed'; readonly error: NativeError; readonly exit?: ExitRecord };
