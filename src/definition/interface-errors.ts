import type { TsctError } from '../base/errors.js';
import { configError } from './config-error.js';
import { kindErrors } from './kind-errors.js';
import { type ContainerDefinition, type InterfaceDefinition, settingName } from './schema.js';

/** Carried out by the tables of a network of tsct. */
const NETWORK_ONLY = ['Port', 'Priority', 'Isolated', 'Allow', 'Deny'];

/** What is wrong with interfaces that no single line tells: each with the line that says it last. */
export function interfaceErrors(definition: ContainerDefinition): TsctError[] {
  return [...namespaceErrors(definition), ...definition.interfaces.flatMap((of) => errorsOf(definition, of))];
}

/** In somebody else's network there is nothing of one's own. */
function namespaceErrors({ network, interfaces, origins }: ContainerDefinition): TsctError[] {
  const place = origins.get(settingName('Network', 'Namespace'))?.at(-1);
  if (network.namespace.whose === 'own' || place === undefined) return [];
  const [first] = interfaces;
  const clash = network.private ? 'Private=yes' : first ? `[Network ${first.name}]` : undefined;
  if (clash === undefined) return [];
  const why = `Namespace=: the network is ${place.text}, and there is ${clash}`;
  return [
    configError('TSCT_CONFIG_VALUE', place, why, { hint: 'take one of the two out: tsct config edit NAME' }),
  ];
}

function errorsOf(definition: ContainerDefinition, of: InterfaceDefinition): TsctError[] {
  const placesOf = (key: string) => definition.origins.get(settingName(`Network ${of.name}`, key)) ?? [];
  const errors: TsctError[] = [];
  const complain = (key: string, index: number, why: string, hint?: string) => {
    const place = placesOf(key).at(index);
    if (place) errors.push(configError('TSCT_CONFIG_VALUE', place, `${key}=: ${why}`, hint ? { hint } : {}));
  };
  errors.push(...kindErrors(definition, of));
  if (of.bridge !== undefined && placesOf('Network').length > 0) {
    complain('Bridge', -1, `${of.name} is on a network already`, 'take Network= or Bridge= out');
  }
  for (const key of of.bridge === undefined ? [] : NETWORK_ONLY) {
    complain(
      key,
      -1,
      `${of.name} is on ${of.bridge}, which is no network of tsct`,
      `take ${key}= or Bridge= out`,
    );
  }
  for (const version of [4, 6] as const) {
    const count = of.gateways.filter((gateway) => gateway.version === version).length;
    if (count > 1) complain('Gateway', -1, `there are ${count} default routes for IPv${version}`);
  }
  of.addresses.forEach(({ text }, index) => {
    if (of.addresses.findIndex((other) => other.text === text) < index)
      complain('Address', index, `${text} is there already`);
  });
  return errors;
}
