import { parseDevice, parseDeviceAllow } from './device-values.js';
import { list, one } from './key-row.js';
import { parseChoice } from './values.js';

/**
 * Devices. systemd.resource-control(5) has the last two, so Device=, which stands for one of them and a node, is
 * beside them and not in [Files]: what may be opened is read in one place.
 */
export const DEVICE_KEYS = {
  Device: list('devices', parseDevice, {
    live: true,
    syntax: 'PATH|usb:VENDOR:PRODUCT[:INSIDE][:OPTION,...]',
    help: "Give it a device of the host: a node on its /dev, and the permission to open it. PATH is a node or a link to one (/dev/disk/by-id/...), looked up at each start and change of devices; usb:VENDOR:PRODUCT is what is plugged in with these numbers of lsusb(8). INSIDE is another name for it, below /dev; not said, it is the host's, for USB /dev/bus/usb/BUS/DEVICE, of all that have the numbers (with INSIDE: of the first). Options: access, of r (read), w (write) and m (make nodes), not said: rwm; uid=, gid= and mode= of the node as seen inside, not said: root, root and the mode of the host's node; optional: it may be absent, is given to what runs when it comes and taken when it goes, as often as it does. Without that a device that is not there ends the start, or the change, with exit code 5. What has been opened stays open when a line is taken out.",
  }),
  DevicePolicy: one('devicePolicy', parseChoice('auto', 'closed', 'strict'), {
    live: true,
    syntax: 'auto|closed|strict',
    help: "Which devices may be opened besides those of Device= and DeviceAllow=. closed: null, zero, full, random, urandom, tty and terminals; auto (not set): those, and fuse and net/tun if the host has them; strict: none but the container's own terminals. Unlike in a unit of systemd, auto never means all.",
  }),
  DeviceAllow: list('devicesAllowed', parseDeviceAllow, {
    live: true,
    syntax: 'PATH|char-NAME|block-NAME [ACCESS]',
    help: 'Permission without a node, for nodes that are made later by root of the host: of the device that PATH is on the host, or of all that a driver has by its name in /proc/devices, in which * and ? stand for anything (char-ttyUSB, block-*). ACCESS is of r, w and m; not said: rwm.',
  }),
};
