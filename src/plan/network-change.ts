import { RESOLV_CONF } from './files.js';
import type { FileEdit, LaunchPlan } from './launch-plan.js';
import type { InterfacePlan, NetworkPlan } from './network-plan.js';

/** Whether it can be changed while it runs: not if it is in the network of another, or is to be. */
export function isChangeable(from: LaunchPlan, to: LaunchPlan): boolean {
  return from.tsct.network?.joins === undefined && to.tsct.network?.joins === undefined;
}

/** Whether anything of the network is other than it was. */
export function networkDiffers(from: LaunchPlan, to: LaunchPlan): boolean {
  return (
    JSON.stringify(from.tsct.network) !== JSON.stringify(to.tsct.network) ||
    resolvConfEdits(from, to).length > 0
  );
}

const NOTHING: NetworkPlan = { networks: [], interfaces: [] };

/** What native changes of an interface that stays; with any other difference it is made anew, as those of other kinds are. */
const CHANGED_IN_PLACE: Readonly<Partial<Record<InterfacePlan['kind'], readonly (keyof InterfacePlan)[]>>> = {
  bridge: ['mac', 'hostMac', 'mtu', 'addresses', 'routes', 'replies', 'rules', 'ports'],
  routed: ['tables'],
};

/** The plan by which a running container gets another network, and by which its end undoes both. */
export function changingPlan(from: LaunchPlan, to: LaunchPlan): LaunchPlan {
  const leaving = settled(from.tsct.network);
  const next = settled(to.tsct.network);
  const remade = next.interfaces
    .filter((now) => {
      const before = leaving.interfaces.find(({ altName }) => altName === now.altName);
      return before !== undefined && fixedPart(before) !== fixedPart(now);
    })
    .map(({ name }) => name);
  return withNetwork(to, { ...next, leaving, remade });
}

function settled({ networks, interfaces }: NetworkPlan = NOTHING): NetworkPlan {
  return { networks, interfaces };
}

/** The plan of a run with the network of another, and with what goes with that: the guest's name servers. */
export function withNetworkOf(plan: LaunchPlan, other: LaunchPlan): LaunchPlan {
  const files = [
    ...plan.tsct.files.filter(({ path }) => path !== RESOLV_CONF),
    ...other.tsct.files.filter(({ path }) => path === RESOLV_CONF),
  ];
  const changed = withNetwork(plan, other.tsct.network);
  return { ...changed, tsct: { ...changed.tsct, files } };
}

/** What is to be edited in a running root to get from one plan to another. */
export function resolvConfEdits(from: LaunchPlan, to: LaunchPlan): readonly FileEdit[] {
  const of = ({ tsct }: LaunchPlan) => tsct.files.filter(({ path }) => path === RESOLV_CONF);
  return JSON.stringify(of(from)) === JSON.stringify(of(to)) ? [] : of(to);
}

function withNetwork(plan: LaunchPlan, network: NetworkPlan | undefined): LaunchPlan {
  const { network: _, ...rest } = plan.tsct;
  return { ...plan, tsct: network === undefined ? rest : { ...rest, network } };
}

function fixedPart(of: InterfacePlan): string {
  const inPlace = CHANGED_IN_PLACE[of.kind] ?? [];
  const fixed = Object.entries(of).filter(([key]) => !inPlace.includes(key as keyof InterfacePlan));
  return JSON.stringify(fixed.sort(([a], [b]) => (a < b ? -1 : 1)));
}
