import type { DeviceLimit } from '../definition/resource-values.js';
import { type Entry, type LimitRow, type Resources, someOf, type Translation } from './limit-row.js';

const devices =
  (field: 'ioReadBandwidthMax' | 'ioWriteBandwidthMax' | 'ioReadIopsMax' | 'ioWriteIopsMax') =>
  (file: string, word = '') =>
  (resources: Resources): Translation | undefined =>
    someOf(resources[field], ({ path, value }: DeviceLimit) => ({
      file,
      device: path,
      value: `${word}${value}`,
    }));

/** bfq-iosched.rst: more is ERANGE. */
const BFQ_WEIGHT_MAX = 1000;

const BFQ_ALONE = {
  refused: `BFQ, which alone goes by weights on control groups of version 1, knows them to ${BFQ_WEIGHT_MAX}`,
};

const weight = (...files: readonly string[]) =>
  unlessAbove(({ ioWeight }) =>
    ioWeight === undefined ? [] : files.map((file) => ({ file, value: String(ioWeight) })),
  );

const weights = (...files: readonly string[]) =>
  unlessAbove(({ ioDeviceWeight }) =>
    files.flatMap((file) =>
      ioDeviceWeight.map(({ path, value }) => ({ file, device: path, value: String(value) })),
    ),
  );

/** A weight is said as it is, so that one of 400 gets four times what one of 100 gets, whoever shares the disk. */
function unlessAbove(
  entries: (resources: Resources) => readonly Entry[],
): (resources: Resources) => Translation | undefined {
  return (resources) => {
    const all = entries(resources);
    if (all.length === 0) return undefined;
    const isKnown = ({ file, value }: Entry) => file.startsWith('io.') || Number(value) <= BFQ_WEIGHT_MAX;
    return all.every(isKnown) ? all : BFQ_ALONE;
  };
}

/** Keys of disks (kernel Documentation/admin-guide/cgroup-v2.rst, "IO"; cgroup-v1/blkio-controller.rst). */
export const IO_ROWS: readonly LimitRow[] = [
  // Which of both files counts is a matter of the disk: native/setup/io_weight.cc. The weight for all disks goes first:
  // BFQ forgets those of single ones when it is written.
  {
    key: 'IOWeight',
    controller: 'io',
    beside: true,
    v2: weight('io.bfq.weight', 'io.weight'),
    v1: weight('blkio.bfq.weight'),
  },
  {
    key: 'IODeviceWeight',
    controller: 'io',
    beside: true,
    v2: weights('io.bfq.weight', 'io.weight'),
    v1: weights('blkio.bfq.weight_device'),
  },
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
