import { list, oneOr } from './key-row.js';
import {
  parseBind,
  parseOverlay,
  parseOverlayReadOnly,
  parsePaths,
  parseTmpfs,
  parseVolume,
} from './mount-values.js';
import { parseShell, parseUserNames } from './user-values.js';
import { parseBoolean } from './values.js';

/** systemd.nspawn(5) [Files]. */
export const FILE_KEYS = {
  ReadOnly: oneOr('readOnly', parseBoolean, 'no', {
    syntax: 'BOOL',
    help: 'Mount the root file system read-only.',
  }),
  Bind: list('binds', parseBind, {
    syntax: '[-][+]SOURCE[:DESTINATION[:OPTION,...]]',
    help: "Show a file or directory of the host (+: of the root itself; -: skip it if missing). Options: rbind, norbind, idmap (default: ids as the container's), rootidmap, owneridmap, noidmap.",
  }),
  BindReadOnly: list('bindsReadOnly', parseBind, {
    syntax: '[-][+]SOURCE[:DESTINATION[:OPTION,...]]',
    help: 'Like Bind=, read-only.',
  }),
  Volume: list('volumes', parseVolume, {
    syntax: 'NAME:PATH[:OPTION,...]',
    help: "Show a volume (tsct volume create), with ids as the container's; several containers may have the same. Options: ro; suid, without which set-id bits and file capabilities do not count, as whoever is root in one container could plant them for the others.",
  }),
  TemporaryFileSystem: list('temporaryFileSystems', parseTmpfs, {
    syntax: 'PATH[:OPTION,...]',
    help: 'An empty file system in memory. Options: size=, nr_inodes=, mode=, ro, noexec, nosuid, nodev, noatime.',
  }),
  Inaccessible: list('inaccessiblePaths', parsePaths, {
    syntax: 'PATH',
    help: 'A file or directory that the container cannot look into.',
  }),
  Overlay: list('overlays', parseOverlay, {
    syntax: 'LOWER[:LOWER...]:UPPER:DESTINATION',
    help: 'Directories stacked on each other, lowest first, writes going to UPPER (empty: lost at the end). +PATH is inside the root.',
  }),
  OverlayReadOnly: list('overlaysReadOnly', parseOverlayReadOnly, {
    syntax: 'LOWER:LOWER...:DESTINATION',
    help: 'Directories stacked on each other, read-only.',
  }),
  BindUser: list('bindUsers', parseUserNames, {
    syntax: 'USER...',
    help: 'Let a user of the host, with his own group, be one inside as well: his home shown as /run/host/home/USER, both as one of the ids from 60514 on, and his record as systemd knows them (see USERS OF THE HOST). At most 64.',
  }),
  BindUserShell: oneOr('bindUserShell', parseShell, 'no', {
    syntax: 'BOOL|PATH',
    help: "Shell in the records of BindUser=: yes: the one that the user has on the host; no: what the container's systemd takes for a default; or this program of the container.",
  }),
};
