import { readFileSync } from 'node:fs';
import { run } from '../base/exec.js';

/** A chain of somebody's that drops what the host forwards, containers' packets too, unless a rule accepts them. */
export interface ForwardDrop {
  readonly family: 'ip' | 'ip6' | 'inet';
  readonly table: string;
  readonly chain: string;
  /** Whose place for rules of others is there: Docker's chain DOCKER-USER, `ufw route`. */
  readonly keeper: 'docker' | 'ufw' | 'other';
}

interface ListedChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

/** Those of nftables, and of iptables-nft; what iptables-legacy has, nobody sees here. @throws TSCT_PROGRAM_FAILED. */
export async function readForwardDrops(): Promise<readonly ForwardDrop[]> {
  const path = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  const json = await run('nft', ['-j', 'list', 'chains'], {
    doing: 'look for rules that drop what is forwarded',
    debianPackage: 'nftables',
    env: path,
  });
  return findForwardDrops(json);
}

/** @param json as `nft -j list chains` says. */
export function findForwardDrops(json: string): readonly ForwardDrop[] {
  const { nftables } = JSON.parse(json) as { nftables: readonly { readonly chain?: ListedChain }[] };
  const chains = nftables.flatMap(({ chain }) => (chain ? [chain] : []));
  return chains
    .filter(({ hook, policy }) => hook === 'forward' && policy === 'drop')
    .flatMap(({ family, table, name }) => {
      if (family !== 'ip' && family !== 'ip6' && family !== 'inet') return [];
      const beside = chains.filter((other) => other.family === family && other.table === table);
      const has = (words: RegExp) => beside.some((other) => words.test(other.name));
      const keeper = has(/^DOCKER-USER$/) ? 'docker' : has(/^ufw6?-user-forward$/) ? 'ufw' : 'other';
      return [{ family, table, chain: name, keeper }];
    });
}

/** What has to be done for a bridge to be let through, where tsct does not do it. */
export function forwardFix({ family, table, chain, keeper }: ForwardDrop, bridge: string): string {
  if (keeper === 'ufw') return `ufw route allow in on ${bridge} && ufw route allow out on ${bridge}`;
  const rule = `insert rule ${family} ${table} ${chain}`;
  return `nft '${rule} iifname "${bridge}" accept; ${rule} oifname "${bridge}" accept'`;
}

/** True while rules of iptables-legacy may be in force, which no program of nftables shows. */
export function hasLegacyTables(): boolean {
  return ['ip', 'ip6'].some((family) => {
    try {
      return readFileSync(`/proc/net/${family}_tables_names`, 'utf8').includes('filter');
    } catch {
      return false; // the module is not there
    }
  });
}

/** A link of this network namespace; /sys may show another one's. */
export function hasLink(name: string): boolean {
  return readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .some((line) => line.trimStart().startsWith(`${name}:`));
}
