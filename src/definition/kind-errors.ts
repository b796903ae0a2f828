import type { TsctError } from '../base/errors.js';
import { configError } from './config-error.js';
import { IPVLAN_MODES, MACVLAN_MODES } from './kind-keys.js';
import {
  type ContainerDefinition,
  type InterfaceDefinition,
  type SettingOrigin,
  settingName,
} from './schema.js';

type Kind = InterfaceDefinition['kind'];

/** Keys that say something for some kinds only. */
const ONLY_FOR: Readonly<Record<string, readonly Kind[]>> = {
  Network: ['bridge'],
  Bridge: ['bridge'],
  Port: ['bridge'],
  Priority: ['bridge', 'routed'],
  Isolated: ['bridge', 'routed'],
  Allow: ['bridge', 'routed'],
  Deny: ['bridge', 'routed'],
  IngressMax: ['bridge', 'routed'],
  EgressMax: ['bridge', 'routed'],
  Link: ['routed', 'macvlan', 'ipvlan', 'vlan', 'physical'],
  Mode: ['macvlan', 'ipvlan'],
  SourceMACAddress: ['macvlan'],
  VLANId: ['vlan'],
  MACAddress: ['bridge', 'routed', 'macvlan', 'vlan'],
  Gateway: ['bridge', 'macvlan', 'ipvlan', 'vlan', 'physical'],
};

/** Keys that a kind cannot do without. */
const NEEDED_BY: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  routed: ['Address'],
  macvlan: ['Link'],
  ipvlan: ['Link'],
  vlan: ['Link', 'VLANId'],
  physical: ['Link'],
};

const MODES_OF: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  macvlan: MACVLAN_MODES,
  ipvlan: IPVLAN_MODES,
};

/** Keys of an interface that do not go with its Kind=. */
export function kindErrors(definition: ContainerDefinition, of: InterfaceDefinition): TsctError[] {
  const { kind } = of;
  const places = (key: string) => definition.origins.get(settingName(`Network ${of.name}`, key)) ?? [];
  const wrong = (place: SettingOrigin | undefined, why: string, hint: string): TsctError[] =>
    place ? [configError('TSCT_CONFIG_VALUE', place, why, { hint })] : [];
  const unfit = Object.entries(ONLY_FOR).flatMap(([key, kinds]) =>
    kinds.includes(kind)
      ? []
      : wrong(
          places(key).at(-1),
          `${key}=: ${of.name} is of Kind=${kind}, which has no such thing`,
          `take ${key}= out, or choose Kind=${kinds.join('|')}`,
        ),
  );
  const missing = (NEEDED_BY[kind] ?? []).flatMap((key) =>
    places(key).length > 0
      ? []
      : wrong(
          places('Kind').at(-1),
          `Kind=: ${of.name} is ${kind}, and has no ${key}=`,
          `add ${key}= to [Network ${of.name}]`,
        ),
  );
  const modes = MODES_OF[kind];
  const mode =
    modes === undefined || of.mode === undefined || modes.includes(of.mode)
      ? []
      : wrong(
          places('Mode').at(-1),
          `Mode=: ${of.mode} is no mode of Kind=${kind}`,
          `choose one of ${modes.join(', ')}`,
        );
  return [...unfit, ...missing, ...mode, ...sourceErrors(of, places, wrong)];
}

function sourceErrors(
  { name, kind, mode, sourceMacs }: InterfaceDefinition,
  places: (key: string) => readonly SettingOrigin[],
  wrong: (place: SettingOrigin | undefined, why: string, hint: string) => TsctError[],
): TsctError[] {
  if (kind !== 'macvlan') return [];
  if (mode === 'source' && sourceMacs.length === 0) {
    return wrong(
      places('Mode').at(-1),
      `Mode=: ${name} would hear nobody`,
      `say whom by SourceMACAddress= in [Network ${name}]`,
    );
  }
  if (mode === 'source') return [];
  return wrong(
    places('SourceMACAddress').at(-1),
    `SourceMACAddress=: ${name} hears everybody`,
    'take SourceMACAddress= out, or set Mode=source',
  );
}
