import { readFileSync } from 'node:fs';

/** What went through an interface; received is what came in. */
export interface Counters {
  readonly receivedBytes: number;
  readonly receivedPackets: number;
  readonly receivedDropped: number;
  readonly sentBytes: number;
  readonly sentPackets: number;
  readonly sentDropped: number;
}

/** MAC address of a link of the host; undefined: there is none of that name. */
export function readLinkMac(link: string): string | undefined {
  try {
    return readFileSync(`/sys/class/net/${link}/address`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Of an interface of the network namespace that a process is in; null: it is not there, by that name. */
export function readCountersInside(pid: number, name: string): Counters | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/net/dev`, 'utf8');
  } catch {
    return null; // it is just ending
  }
  return parseCounters(text, name);
}

/** /proc/net/dev: two lines of titles, then eight columns of what was received, and eight of what was sent. */
export function parseCounters(text: string, name: string): Counters | null {
  for (const line of text.split('\n')) {
    const [link, columns] = line.split(':').map((part) => part.trim());
    if (link !== name || columns === undefined) continue;
    const numbers = columns.split(/\s+/).map(Number);
    const at = (column: number) => numbers[column] ?? 0;
    return {
      receivedBytes: at(0),
      receivedPackets: at(1),
      receivedDropped: at(3),
      sentBytes: at(8),
      sentPackets: at(9),
      sentDropped: at(11),
    };
  }
  return null;
}
