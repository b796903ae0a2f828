import type { TsctError } from '../base/errors.js';
import { configError } from './config-error.js';
import { type ContainerDefinition, settingName } from './schema.js';

/** Below it are nodes of the USB that have the host's names. */
const USB = '/dev/bus/usb';

/** Devices that want one place, or one a place below another: each with its line. */
export function deviceErrors({ resources: { devices }, origins }: ContainerDefinition): TsctError[] {
  const places = origins.get(settingName('Resources', 'Device')) ?? [];
  const paths = devices.map(({ path, source }) => path ?? `${USB}/${source}`);
  return paths.flatMap((path, index) => {
    const place = places[index];
    const taken = paths
      .slice(0, index)
      .find((other) => `${path}/`.startsWith(`${other}/`) || other.startsWith(`${path}/`));
    if (!taken || !place) return [];
    const why = taken === path ? `${path} is there already` : `${path} and ${taken} cannot both be`;
    return [
      configError('TSCT_CONFIG_VALUE', place, `Device=: ${why}`, {
        hint: `give it another name inside: ${devices[index]?.source}:/dev/NAME`,
      }),
    ];
  });
}
