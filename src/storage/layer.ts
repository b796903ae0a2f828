export const LAYER_FORMAT = 1;

/** .store/layers/ID/layer.json of a layer that came from outside; what a container wrote has none. */
export interface Layer {
  readonly format: typeof LAYER_FORMAT;
  readonly id: string;
  /** Where it is from, for people: `recipe debian`, `/srv/rootfs.tar.xz`. */
  readonly origin: string;
  readonly entries: number;
  readonly sizeBytes: number;
  readonly devices: number;
  /** What was left behind on purpose, by name of the attribute. */
  readonly stripped: readonly { readonly name: string; readonly count: number }[];
  readonly createdMs: number;
}

export type LayerNote = Omit<Layer, 'format' | 'id' | 'createdMs'>;
