import type { TsctError } from '../base/errors.js';
import { configError } from './config-error.js';
import { type ContainerDefinition, settingName } from './schema.js';

/** Devices that want one place, or one a place below another: each with its line. */
export function deviceErrors({ resources: { devices }, origins }: ContainerDefinition): TsctError[] {
  const places = origins.get(settingName('Resources', 'Device')) ?? [];
  return devices.flatMap(({ path }, index) => {
    const place = places[index];
    const taken = devices
      .slice(0, index)
      .find((other) => `${path}/`.startsWith(`${other.path}/`) || other.path.startsWith(`${path}/`));
    if (!taken || !place) return [];
    const why = taken.path === path ? `${path} is there already` : `${path} and ${taken.path} cannot both be`;
    return [
      configError('TSCT_CONFIG_VALUE', place, `Device=: ${why}`, {
        hint: `give it another name inside: ${place.text.split(':')[0]}:/dev/NAME`,
      }),
    ];
  });
}
