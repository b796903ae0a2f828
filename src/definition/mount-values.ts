import { badValue } from '../base/units.js';
import { parsePath } from './values.js';

/** Bind= and BindReadOnly=: `[-][+]SOURCE[:DESTINATION[:OPTIONS]]`. */
export interface BindValue {
  /** On the host; with `isInRoot`, inside the container's root. */
  readonly source: string;
  readonly isInRoot: boolean;
  /** `-`: no error if the source is missing. */
  readonly isOptional: boolean;
  readonly destination: string;
  readonly isRecursive: boolean;
  readonly idmap: 'noidmap' | 'idmap' | 'rootidmap' | 'owneridmap';
}

/** Overlay= and OverlayReadOnly=: `LOWER[:LOWER...]:UPPER:DESTINATION` and `LOWER:LOWER...:DESTINATION`. */
export interface OverlayValue {
  /** Lowest first; a leading + is inside the container's root. */
  readonly lowers: readonly string[];
  /** Absent for read-only ones; empty: a temporary directory. */
  readonly upper?: string;
  readonly destination: string;
}

/** TemporaryFileSystem=: `PATH[:OPTIONS]`. */
export interface TmpfsValue {
  readonly destination: string;
  readonly options: readonly string[];
}

/** Volume=: `NAME:/path[:OPTION,...]`. */
export interface VolumeValue {
  readonly name: string;
  readonly destination: string;
  readonly isReadOnly: boolean;
  /** Set-id bits and file capabilities of its files count. */
  readonly hasSetId: boolean;
}

/** Places that tsct itself mounts on; a config that hides them makes a container that cannot run. */
const OWN_PLACES = ['/', '/proc', '/sys', '/dev', '/dev/pts', '/run', '/run/host', '/sys/fs/cgroup'];

/** Splits at colons; `\:` is a colon (systemd.nspawn(5)). */
function splitColons(text: string): string[] {
  return text.split(/(?<!\\):/).map((part) => part.replace(/\\:/g, ':'));
}

function parseDestination(text: string): string {
  const path = parsePath(text);
  if (OWN_PLACES.includes(path)) throw badValue(`${path} is tsct's own: nothing can be mounted there`);
  return path;
}

function parseSource(text: string): string {
  if (text === '') throw badValue('the source is empty; for an empty directory use TemporaryFileSystem=');
  return text.startsWith('+') ? `+${parsePath(text.slice(1))}` : parsePath(text);
}

export function parseBind(text: string): readonly BindValue[] {
  const isOptional = text.startsWith('-');
  const parts = splitColons(isOptional ? text.slice(1) : text);
  if (parts.length > 3) throw badValue(`"${text}" has too many colons; \\: stands for a colon in a path`);
  const [source = '', destination, options = ''] = parts;
  const path = parseSource(source);
  const isInRoot = path.startsWith('+');
  const bare = isInRoot ? path.slice(1) : path;
  let isRecursive = true;
  let idmap: BindValue['idmap'] = 'idmap';
  for (const option of options.split(',').filter((word) => word !== '')) {
    if (option === 'rbind' || option === 'norbind') isRecursive = option === 'rbind';
    else if (
      option === 'idmap' ||
      option === 'noidmap' ||
      option === 'rootidmap' ||
      option === 'owneridmap'
    ) {
      idmap = option;
    } else {
      throw badValue(`"${option}" is not one of rbind, norbind, noidmap, idmap, rootidmap, owneridmap`);
    }
  }
  // What lies inside the root already has the container's ids.
  if (isInRoot) idmap = 'noidmap';
  return [
    {
      source: bare,
      isInRoot,
      isOptional,
      destination: parseDestination(destination || bare),
      isRecursive,
      idmap,
    },
  ];
}

function parseOverlayPaths(text: string, minParts: number): string[] {
  const parts = splitColons(text);
  if (parts.length < minParts)
    throw badValue(`"${text}" needs at least ${minParts} paths separated by colons`);
  return parts;
}

/** `+/var::/var`: what is below is shown, writes go to a temporary directory. */
export function parseOverlay(text: string): readonly OverlayValue[] {
  const parts = parseOverlayPaths(text, 3);
  const upper = parts.at(-2) ?? '';
  // Its ids are mapped as a whole together with its work directory, which the root's own tree cannot be.
  if (upper.startsWith('+'))
    throw badValue(`${upper}: what is written to cannot be inside the root; leave it empty`);
  return [
    {
      lowers: parts.slice(0, -2).map(parseSource),
      upper: upper === '' ? '' : parsePath(upper),
      destination: parseDestination(parts.at(-1) ?? ''),
    },
  ];
}

export function parseOverlayReadOnly(text: string): readonly OverlayValue[] {
  const parts = parseOverlayPaths(text, 3);
  return [{ lowers: parts.slice(0, -1).map(parseSource), destination: parseDestination(parts.at(-1) ?? '') }];
}

const TMPFS_OPTION =
  /^(size=\d+[kKmMgG%]?|nr_inodes=\d+[kKmMgG]?|mode=[0-7]{3,4}|ro|rw|noexec|nosuid|nodev|noatime)$/;

export function parseTmpfs(text: string): readonly TmpfsValue[] {
  const [path = '', options = '', ...rest] = splitColons(text);
  if (rest.length > 0) throw badValue(`"${text}" has too many colons`);
  const words = options.split(',').filter((word) => word !== '');
  for (const word of words) {
    if (!TMPFS_OPTION.test(word)) {
      throw badValue(
        `"${word}" is not a tmpfs option: size=, nr_inodes=, mode=, ro, noexec, nosuid, nodev, noatime`,
      );
    }
  }
  const destination = parsePath(path);
  // /run and /tmp may be given a size of one's own.
  if (destination !== '/run') parseDestination(path);
  return [{ destination, options: words }];
}

export function parsePaths(text: string): readonly string[] {
  return [parseDestination(text)];
}

export function parseVolume(text: string): readonly VolumeValue[] {
  const [name = '', path = '', options = '', ...rest] = splitColons(text);
  if (!/^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62}[a-zA-Z0-9])?$/.test(name))
    throw badValue(`"${name}" is not a volume's name`);
  if (rest.length > 0) throw badValue(`"${text}" has too many colons; \\: stands for a colon in a path`);
  if (path === '') throw badValue(`"${text}" does not say where: expected NAME:/path`);
  const words = options.split(',').filter((word) => word !== '');
  for (const word of words) {
    if (word !== 'ro' && word !== 'suid') throw badValue(`"${word}" is not one of ro, suid`);
  }
  return [
    {
      name,
      destination: parseDestination(path),
      isReadOnly: words.includes('ro'),
      hasSetId: words.includes('suid'),
    },
  ];
}
