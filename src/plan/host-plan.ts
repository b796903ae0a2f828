/** The parts of a launch plan by which container and host know of each other. */

export interface RunHostPlan {
  /** Small files by name: os-release, container-manager, container-uuid. */
  readonly files: Readonly<Record<string, { readonly content: string; readonly mode: number }>>;
  /** Name → content (base64), shown at /run/host/credentials/NAME mode 0400. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly notifySocket: boolean;
}

/** LinkJournal=: native/setup/journal.h says what is where. What the host keeps is bound by one of `mounts`. */
export interface JournalPlan {
  /** 32 hex digits. */
  readonly machineId: string;
  readonly keptBy: 'host' | 'guest';
  /** What cannot be linked is not, and nothing is said. */
  readonly optional: boolean;
}
