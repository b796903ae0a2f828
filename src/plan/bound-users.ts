import { ExitCode, TsctError } from '../base/errors.js';
import type { HostUser } from '../host/users.js';
import type { BoundUser, RunHostFile } from './host-plan.js';
import type { PlannedMount } from './mounts.js';
import type { PlanInput } from './plan-input.js';

/** What systemd sets aside for users of the host in containers (systemd.io, UIDS-GIDS: 60514...60577). */
const BOUND_ID_FIRST = 60_514;
const BOUND_IDS = 64;

/** Below are system users (systemd.io, UIDS-GIDS); 65534 is nobody, 65535 and above it 2^32-1 stand for none. */
const REGULAR_ID_FIRST = 1000;
const NO_USERS: readonly number[] = [65_534, 65_535, 4_294_967_295];

interface PlannedUsers {
  readonly users: readonly BoundUser[];
  readonly binds: readonly PlannedMount[];
  readonly files: Readonly<Record<string, RunHostFile>>;
}

/**
 * BindUser=: homes with one id of the host shown as one inside, and records for nss-systemd.
 * @throws TSCT_HOST_USER (exit 5)
 */
export function planBoundUsers(input: PlanInput): PlannedUsers {
  const { definition, identity, hostUsers = {} } = input;
  const names = [...new Set(definition.files.bindUsers)];
  if (names.length > BOUND_IDS) throw refuse(input, names[BOUND_IDS] ?? '', `${BOUND_IDS} are the most`);
  // Where a stopped root is changed, nobody looks users up.
  const users = names.flatMap((name, i) => {
    if (input.writesTo === 'kept') return [];
    const user = hostUsers[name];
    const why = user ? reasonAgainst(user) : 'the host has no such user';
    if (user === undefined || why !== undefined) throw refuse(input, name, why ?? '');
    return [{ user, id: BOUND_ID_FIRST + i }];
  });
  return {
    users: users.map(({ user: { name }, id }) => ({ name, id })),
    binds: users.map(({ user, id }) => bindHome(user, identity.idBase + id)),
    files: Object.fromEntries(
      users.flatMap(({ user, id }) => recordsOf(user, id, definition.files.bindUserShell)),
    ),
  };
}

function reasonAgainst(user: HostUser): string | undefined {
  if (user.uid === 0) return 'root of the host cannot be bound';
  if (!isRegular(user.uid)) return `it is a system user (${user.uid})`;
  // Whoever is root inside can make set-group-id programs in the home.
  if (user.group !== user.name || !isRegular(user.gid))
    return `its group is ${user.group || user.gid}, and not one of its own with its name`;
  if (user.home === '/' || !user.hasHome) return `its home ${user.home} is not a directory that is there`;
  return undefined;
}

function isRegular(id: number): boolean {
  return id >= REGULAR_ID_FIRST && !NO_USERS.includes(id);
}

function homeOf(name: string): string {
  return `/run/host/home/${name}`;
}

/** Files of others in it are nobody's inside. Not recursive: what is mounted in a home (FUSE, say) may not take id maps. */
function bindHome({ name, uid, gid, home }: HostUser, hostID: number): PlannedMount {
  return {
    mount: {
      destination: homeOf(name),
      type: 'bind',
      source: home,
      options: ['bind', 'nodev', 'nosuid'],
      uidMappings: [{ containerID: uid, hostID, size: 1 }],
      gidMappings: [{ containerID: gid, hostID, size: 1 }],
    },
    extra: { create: true, idmap: 'given' },
  };
}

/** systemd.io, USER_RECORD, GROUP_RECORD; nss-systemd(8) says what the files are called. */
function recordsOf(user: HostUser, id: number, shell: boolean | string): [string, RunHostFile][] {
  const { name, realName, hashedPassword } = user;
  const record = {
    userName: name,
    ...(realName === '' ? {} : { realName }),
    uid: id,
    gid: id,
    disposition: 'regular',
    homeDirectory: homeOf(name),
    ...(shell === false ? {} : { shell: shell === true ? user.shell : shell }),
  };
  const file = (content: object, mode: number) => ({ content: `${JSON.stringify(content)}\n`, mode });
  const withSecret =
    hashedPassword === undefined
      ? []
      : ([['user-privileged', file({ privileged: { hashedPassword: [hashedPassword] } }, 0o600)]] as const);
  const kinds = [
    ['user', file(record, 0o644)],
    ['group', file({ groupName: name, gid: id, disposition: 'regular' }, 0o644)],
    ...withSecret,
  ] as const;
  return kinds.flatMap(([kind, content]): [string, RunHostFile][] => [
    [`userdb/${name}.${kind}`, content],
    [`userdb/${id}.${kind}`, { target: `${name}.${kind}` }],
  ]);
}

function refuse({ definition }: PlanInput, name: string, why: string): TsctError {
  const index = definition.files.bindUsers.indexOf(name);
  const place = definition.origins.get('Files.BindUser')?.[index];
  return new TsctError('TSCT_HOST_USER', `${place?.file}:${place?.line}: cannot bind user ${name}: ${why}`, {
    exitCode: ExitCode.HostLacks,
    hint: 'BindUser= takes regular users (uid 1000 and above) with a home and a group of their own',
  });
}
