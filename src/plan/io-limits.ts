import type { DeviceLimit } from '../definition/resource-values.js';
import { type LimitRow, type Resources, someOf, type Translation } from './limit-row.js';

const devices =
  (field: 'ioReadBandwidthMax' | 'ioWriteBandwidthMax' | 'ioReadIopsMax' | 'ioWriteIopsMax') =>
  (file: string, word = '') =>
  (resources: Resources): Translation | undefined =>
    someOf(resources[field], ({ path, value }: DeviceLimit) => ({
      file,
      device: path,
      value: `${word}${value}`,
    }));

/** Keys of disks (kernel Documentation/admin-guide/cgroup-v2.rst, "IO"; cgroup-v1/blkio-controller.rst). */
export const IO_ROWS: readonly LimitRow[] = [
  {
    key: 'IOReadBandwidthMax',
    controller: 'io',
    v2: devices('ioReadBandwidthMax')('io.max', 'rbps='),
    v1: devices('ioReadBandwidthMax')('blkio.throttle.read_bps_device'),
  },
  {
    key: 'IOWriteBandwidthMax',
    controller: 'io',
    v2: devices('ioWriteBandwidthMax')('io.max', 'wbps='),
    v1: devices('ioWriteBandwidthMax')('blkio.throttle.write_bps_device'),
  },
  {
    key: 'IOReadIOPSMax',
    controller: 'io',
    v2: devices('ioReadIopsMax')('io.max', 'riops='),
    v1: devices('ioReadIopsMax')('blkio.throttle.read_iops_device'),
  },
  {
    key: 'IOWriteIOPSMax',
    controller: 'io',
    v2: devices('ioWriteIopsMax')('io.max', 'wiops='),
    v1: devices('ioWriteIopsMax')('blkio.throttle.write_iops_device'),
  },
];
