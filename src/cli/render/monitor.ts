import { describeExit } from '../../lifecycle/last-exit.js';
import type { MonitorEvent } from '../../lifecycle/monitor.js';
import { formatBytes } from './units.js';

const ACTIONS = {
  kill: 'the kernel kills',
  'kill-all': 'it is ended',
  freeze: 'it is held until Resources.MemoryMax is raised',
  restart: 'it is restarted',
  raise: 'the limit is raised',
} as const;

/** One line: time, name, what happened. */
export function renderMonitorEvent(event: MonitorEvent): string {
  return `${new Date(event.atMs).toISOString()} ${event.name} ${what(event)}\n`;
}

function what(event: MonitorEvent): string {
  switch (event.event) {
    case 'state':
      return event.state;
    case 'ready':
      return `ready, by ${event.by}`;
    case 'exited':
      return describeExit(event.exit);
    case 'failed':
      return 'start failed';
    case 'oom':
      return `out of memory at ${formatBytes(event.limitBytes)}: ${ACTIONS[event.action]}${
        event.raisedToBytes === undefined ? '' : ` to ${formatBytes(event.raisedToBytes)}`
      }`;
    case 'oom-hook':
      return `its OOMHook ended with exit code ${event.code}`;
  }
}
