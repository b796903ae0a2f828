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

/**
 * What went through the interfaces of a network namespace, by name: of all of them at once, since six files for each are slow
 * where there are many. @param pid of a process in it; absent: our own. Empty: it is just ending.
 */
export function readCounters(pid?: number): ReadonlyMap<string, Counters> {
  try {
    return parseCounters(readFileSync(`/proc/${pid ?? 'self'}/net/dev`, 'utf8'));
  } catch {
    return new Map();
  }
}

/** /proc/net/dev: two lines of titles, then eight columns of what was received, and eight of what was sent. */
export function parseCounters(text: string): ReadonlyMap<string, Counters> {
  const found = new Map<string, Counters>();
  for (const line of text.split('\n')) {
    const [link = '', columns] = line.split(':').map((part) => part.trim());
    if (columns === undefined) continue;
    const numbers = columns.split(/\s+/).map(Number);
    const at = (column: number) => numbers[column] ?? 0;
    found.set(link, {
      receivedBytes: at(0),
      receivedPackets: at(1),
      receivedDropped: at(3),
      sentBytes: at(8),
      sentPackets: at(9),
      sentDropped: at(11),
    });
  }
  return found;
}

/** As the other end of the link has them. */
export function otherWay(counters: Counters): Counters {
  return {
    receivedBytes: counters.sentBytes,
    receivedPackets: counters.sentPackets,
    receivedDropped: counters.sentDropped,
    sentBytes: counters.receivedBytes,
    sentPackets: counters.receivedPackets,
    sentDropped: counters.receivedDropped,
  };
}
