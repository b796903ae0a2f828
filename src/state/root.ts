/** How a writable root is made of sealed layers (src/storage/driver.ts). */
export const DRIVER_NAMES = ['overlay', 'btrfs', 'reflink', 'lvm-thin', 'dir'] as const;
export type DriverName = (typeof DRIVER_NAMES)[number];

/** A root: sealed trees of the store, lowest first, and one that is written to. */
export interface Root {
  readonly driver: DriverName;
  /** Ids of sealed layers; empty for all drivers but `overlay`. */
  readonly layers: readonly string[];
  /** Id of the writable tree. It is in the store as well: sealing it moves nothing. */
  readonly upper: string;
}

/** A file of a container's config: `config`, or a drop-in `config.d/NAME.conf`. */
export interface ConfigFile {
  readonly name: string;
  readonly text: string;
}

/** An id of the store: it becomes part of a path. */
export function isLayerId(value: unknown): value is string {
  return typeof value === 'string' && /^[a-zA-Z0-9][\w.+-]*$/.test(value);
}

export function isLayerIds(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isLayerId);
}

/** A drop-in's name comes out of a record and becomes a path: no slash but the one. */
export function isConfigFiles(value: unknown): value is ConfigFile[] {
  return (
    Array.isArray(value) &&
    value.every(
      (file: ConfigFile) =>
        typeof file?.text === 'string' && /^(config|config\.d\/[^./][^/]*\.conf)$/.test(String(file.name)),
    )
  );
}
