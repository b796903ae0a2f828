import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const FILES = ['iptables', 'ip6tables', 'arptables'].map(
  (name) => `/proc/sys/net/bridge/bridge-nf-call-${name}`,
);

/** With what is bridged shown to the tables of IP, as br_netfilter does, or not. */
export async function withBridgeCalls(value: '0' | '1', work: () => Promise<void>): Promise<void> {
  const files = FILES.filter((file) => existsSync(file));
  const before = files.map((file) => readFileSync(file, 'utf8'));
  for (const file of files) writeFileSync(file, value);
  try {
    await work();
  } finally {
    for (const [i, file] of files.entries()) writeFileSync(file, before[i] ?? '1');
  }
}
