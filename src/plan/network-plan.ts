import type { HostPath } from '../base/paths.js';

/** What connects a container: native/setup/network_plan.h is the other half. */
export interface NetworkPlan {
  /** Those of tsct that `interfaces` are on: made by the first start that needs them, removed by the last end. */
  readonly networks: readonly NetworkUse[];
  readonly interfaces: readonly InterfacePlan[];
  /** Whose network namespace it is in, instead of one of its own; there are no interfaces then. */
  readonly joins?: JoinedNamespace;
  /**
   * While a running container is changed: all that it had before. An end of the run undoes that, too, and native makes
   * of it what the rest says, or of that what it was.
   */
  readonly leaving?: NetworkPlan;
  /** With `leaving`: names of interfaces of both that cannot be changed in place, but are made anew. */
  readonly remade?: readonly string[];
}

/** Found anew at each start: a container that was started again has another one. */
export type JoinedNamespace =
  | { readonly whose: 'host' }
  | { readonly whose: 'container'; readonly name: string; readonly control: HostPath }
  | { readonly whose: 'file'; readonly path: HostPath };

/** One network of tsct: its bridge, its tables of nftables, its dnsmasq; and what this container has written there. */
export interface NetworkUse {
  readonly name: string;
  /** Name of the bridge on the host, at most 15 bytes. */
  readonly bridge: string;
  /** Second name and alias of the bridge, by which it is known to be ours; holds the state root's hash. */
  readonly altName: string;
  readonly mac: string;
  /** Of links (IFLA_GROUP) that containers are behind. */
  readonly group: number;
  /** Of the bridge, with prefix length; fe80::/64 of its MAC comes with the first IPv6 one. Each version is forwarded. */
  readonly addresses: readonly string[];
  /** Absent: the kernel's. */
  readonly mtu?: number;
  /** Locks, records and files of the service; gone with the network. */
  readonly runDir: HostPath;
  /** For nft(8): all of the tables, replaced as one (`table T`, `delete table T`, `table T { ... }`). */
  readonly ruleset: string;
  /** `FAMILY NAME`, all that `ruleset` makes: deleted at the end. */
  readonly tables: readonly string[];
  /**
   * For nft(8): rules in chains of others that let the bridge through, each with the comment `tsct-BRIDGE`, by which
   * they are found and taken out when the network goes.
   */
  readonly guestRules?: string;
  /** Kept running by tsct-keeper while the network is up; stays in the foreground. The path is absolute. */
  readonly service?: { readonly argv: readonly string[] };
  /** systemd-resolved of the host, where it runs, asks these servers for names below the domain. */
  readonly resolver?: { readonly domain: string; readonly servers: readonly string[] };
  /** Whole content of runDir/hosts.d/KEY and runDir/dhcp.d/KEY while the container runs; empty: no such file. */
  readonly records: { readonly hosts: string; readonly dhcp: string };
}

export interface InterfacePlan {
  /** Inside, at most 15 bytes. */
  readonly name: string;
  /**
   * `bridge`: a veth whose host end is a port of `bridge`; `routed`: one that the host routes `addresses` to. `macvlan`,
   * `ipvlan`, `vlan`: born in the container's namespace on top of `link`. `physical`: `link` itself, moved there.
   */
  readonly kind: 'bridge' | 'routed' | 'macvlan' | 'ipvlan' | 'vlan' | 'physical';
  /** bridge, routed: of the host end. */
  readonly hostName?: string;
  /** Second name (and alias) of the host end, or of what was moved, which name the container: what is not called so is not ours. */
  readonly altName: string;
  /** bridge: that of one of `networks`, or any other of the host's, which has to exist. */
  readonly bridge?: string;
  /** macvlan, ipvlan, vlan, physical: a link of the host. routed: one on which the host answers for `addresses`. */
  readonly link?: string;
  /** macvlan: private, vepa, bridge, passthru, source; ipvlan: l2, l3, l3s. */
  readonly mode?: string;
  /** macvlan of mode source: who is heard. */
  readonly sources?: readonly string[];
  readonly vlanId?: number;
  readonly queueLength?: number;
  /** Absent: it has that of `link`. */
  readonly mac?: string;
  /** Of the host end; absent: `mac` beginning with fe, so that no bridge takes it for its own. */
  readonly hostMac?: string;
  readonly mtu?: number;
  /** With prefix length. */
  readonly addresses: readonly string[];
  /** routed: of the host end, with prefix length. */
  readonly hostAddresses?: readonly string[];
  /**
   * `to` with prefix length, 0.0.0.0/0 and ::/0 the default ones. Without `via`: to all of them directly; `onLink`: `via`
   * is there though no address says so.
   */
  readonly routes: readonly RoutePlan[];
  /**
   * Where another interface has the default route: what is sent `from` these addresses goes by these routes all the same,
   * by a table of their own. Answers would take the other way out, where they are nobody's.
   */
  readonly replies?: {
    readonly table: number;
    readonly from: readonly string[];
    readonly routes: readonly RoutePlan[];
  };
  /** routed: of the host end, as that of networks' bridges. */
  readonly group?: number;
  /**
   * routed: tables of nftables of its own, loaded once the link is there: `FAMILY NAME` of all that there may ever be,
   * and for nft(8) what makes those that are wanted, in place of all.
   */
  readonly tables?: { readonly names: readonly string[]; readonly ruleset: string };
  /**
   * For nft(8): what the network's tables need for this interface, safe to add twice (`add element`, no `add rule`), and
   * what takes it out again. Kept in runDir, so that the tables can be made again with what runs.
   */
  readonly rules?: { readonly add: string; readonly remove: string };
  /** Held on the host's end. */
  readonly limits?: {
    /** What the container receives. */
    readonly ingress?: RatePlan;
    /** What it sends, which passes a link of kind ifb that is made for it. */
    readonly egress?: RatePlan & { readonly link: string; readonly altName: string };
  };
  /** Bound on the host by tsct-ports while the container runs; they lead to the first address of their kind. */
  readonly ports?: readonly PortPlan[];
}

export interface RoutePlan {
  readonly to: string;
  readonly via?: string;
  readonly onLink?: boolean;
}

/** A bucket of tokens, tc-tbf(8). */
export interface RatePlan {
  /** A second. */
  readonly rateBytes: number;
  /** What may pass at once. */
  readonly burstBytes: number;
  /** What may wait; more is dropped. */
  readonly queueBytes: number;
}

/** Ports of the host, `host + n`, that lead to `container + n`, n from 0 to `count - 1`. */
export interface PortPlan {
  readonly protocol: 'tcp' | 'udp';
  /** An address of the host; absent: all of them. */
  readonly at?: string;
  readonly host: number;
  readonly container: number;
  readonly count: number;
}
