import type { JoinedNamespace } from './network-plan.js';
import type { OciNamespace } from './oci.js';
import type { PlanInput } from './plan-input.js';

/** Whose network namespace the container is to be in; undefined: one of its own. A stopped root needs none. */
export function joinedNamespace({ definition, layout, writesTo }: PlanInput): JoinedNamespace | undefined {
  const { namespace } = definition.network;
  if (namespace.whose === 'own' || writesTo === 'kept') return undefined;
  if (namespace.whose === 'container') {
    return { whose: 'container', name: namespace.name, control: layout.controlSocket(namespace.name) };
  }
  return namespace.whose === 'file' ? { whose: 'file', path: namespace.path } : { whose: 'host' };
}

/** config-linux.md of OCI: a type that is left out is that of whoever starts it, one with a path is joined. */
export function namespacesOf(joined: JoinedNamespace | undefined): readonly OciNamespace[] {
  const network: readonly OciNamespace[] =
    joined === undefined
      ? [{ type: 'network' }]
      : joined.whose === 'file'
        ? [{ type: 'network', path: joined.path }]
        : [];
  return [
    ...['user', 'pid', 'mount', 'uts', 'ipc'].map((type) => ({ type })),
    ...network,
    { type: 'cgroup' },
  ];
}

/** What the guest's resolv.conf is to say where it is in somebody else's network; undefined: it is not, or none said any. */
export function joinedResolvConf(input: PlanInput): string | undefined {
  if (joinedNamespace(input) === undefined) return undefined;
  return input.joinedResolvConf ?? input.facts.resolvConf.host;
}
