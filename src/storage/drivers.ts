import type { DriverName } from '../state/root.js';
import { COPYING_DRIVERS } from './copying-driver.js';
import type { Driver } from './driver.js';
import { overlayDriver } from './overlay-driver.js';

const DRIVERS: Readonly<Record<DriverName, Driver>> = { overlay: overlayDriver, ...COPYING_DRIVERS };

export function driverOf(name: DriverName): Driver {
  return DRIVERS[name];
}
