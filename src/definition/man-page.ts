import { describeKeys, type KeyHelp } from './key-help.js';
import { INSTANCE_HELP, INSTANCE_PLACEHOLDER, SECTION_HELP } from './schema.js';

const INTRO = `.TH TSCT.CONF 5 "" tsct "tsct manual"
.SH NAME
tsct.conf \\- config of a tsct container
.SH SYNOPSIS
.nf
/var/lib/tsct/NAME/config
/var/lib/tsct/NAME/config.d/*.conf
.fi
.SH DESCRIPTION
The config of a container is text of the form
.BR systemd.syntax (7)
has: sections in brackets, one
.IR Key = Value
a line, comments from
.B #
or
.B ;
at the start of a line. A backslash at the end of a line goes on with the next one. Names are systemd's where systemd
has a name.
.PP
Files of
.I config.d
are read after
.IR config ,
by name; what is read later wins. A key marked
.B list
may be repeated and every line adds to it; any other key stands once in a file. An empty value takes back all that was
said before. An unknown key or a bad value is an error that names file and line, and nothing is changed.
.PP
.BR "tsct config set" ,
.B unset
and
.B edit
change one key and no other byte. A change counts from the next start on, unless the key says otherwise.
`;

const OUTRO = `.SH VALUES
.TP
.I BOOL
yes, true, on, 1 or no, false, off, 0.
.TP
.I TIME
seconds, or a time span of
.BR systemd.time (7):
500ms, 2min 30s, 1h.
.TP
.I SOFT[:HARD]
limits of
.BR setrlimit (2):
one number for both or two; infinity is none. Sizes take K, M, G, T, base 1024; times take units as above.
.TP
.I SIGNAL
SIGTERM, TERM, 15, SIGRTMIN+3.
.TP
.I PATH
absolute; those of the container are looked up inside its root only.
.SH KEEP RULES
One or more of
.BR hourly: N,
.BR daily: N,
.BR weekly: N,
.BR monthly: N,
.BR yearly: N,
.BR last: N
and
.BR within: TIME
(such as within:30d). They choose one after the other: within and last first, then the periods from the finest on.
daily:7 keeps the newest of each of the 7 latest days that have one; a day in which an earlier part has kept
something is not counted again, so that daily:7 weekly:4 reaches back 7 days and then 4 weeks more. Periods are the
calendar's in the host's time zone, weeks begin on Monday. The newest always stays.
.SH JOURNALS
What
.B LinkJournal=
shows is read on the host without the container's help:
.B journalctl \\-D /var/log/journal/ID
of one,
.B journalctl \\-\\-merge
of all, the host's own included. ID is the machine\\-id of the container, without dashes.
.PP
With
.B host
the journal lies on the host, in /var/log/journal/.tsct/ID, to which /var/log/journal/ID is a symbolic link (a directory
that is there already is moved to it). Its files have the ids that they have inside, and nobody but root gets through
\\&.tsct, as root of the container could put a set\\-id program there. It can be read while the container is stopped, and
is no part of snapshots, backups and clones.
.B tsct destroy
leaves it: rm \\-r it together with the link when it is no longer wanted. An empty one goes when the container ends.
.PP
With
.B guest
it lies in the container. While that runs, /var/log/journal/ID leads to a mount of it that is read\\-only and in which no
symbolic link is followed; when it ends, nothing of it stays on the host.
.PP
Whoever is root in the container writes these files: what journalctl says of them is what that container says.
.SH SLICES
Containers with the same
.B Slice=
share what the slice may take, and each has its own limits besides. On a host run by systemd it is a slice of systemd,
made when it is needed first: its limits are its unit's
.RB ( "systemctl set\\-property a.slice MemoryMax=2G" ).
On other hosts tsct makes groups of that name while containers run in them, and their limits are in a file that need
not be there,
.IR /etc/tsct/slices/a.slice ,
one section
.B [Slice]
with the keys of
.B [Resources]
that are limits. What is in it is set whenever a container of the slice starts; a limit that is taken out holds until no
container of the slice runs any more. MemoryMin= and MemoryLow= need not be said: a slice has the sum of what its containers are promised.
IOReadBandwidthMax= and the like hold on cgroup v2 only, as disks know no groups of groups on v1.
.SH SEEN FROM INSIDE
Where the host has lxcfs, a container sees its share of CPUs and memory: the least of
.B CPUQuota=
and that of its slice, rounded up, of the CPUs of
.BR AllowedCPUs= ;
.B MemoryMax=
in the same way; its own tasks, uptime and load. lxcfs serves files of /proc. What programs learn by
.BR sched_getaffinity (2)
of themselves (nproc, most runtimes) and by
.BR sysinfo (2)
(busybox free and uptime) the supervisor answers: the first CPUs of those that a program is bound to, never one more. The
load there is how many CPUs the container kept busy, brought up to date when it is asked for.
.PP
Some 200 such calls a second are answered, after as many at once; who asks more often waits, as answers cost the host time
that is no container's. Programs for another architecture than the host's are told of the host. The calls
stop at a listener
.RB ( seccomp_unotify (2)),
of which the kernel allows one for a process: a program inside that wants one of its own gets EBUSY. tsct in a container
does without, so that its containers see the share of the one that they are in.
.SH USERS OF THE HOST
.B BindUser=
shows the home of a user of the host as /run/host/home/USER. His user and group id are the same number inside, 60514 for
the first user, and on for the next; what he owns is his on both sides. Whatever else lies in the home is nobody's
inside, and what is mounted in it is not shown. In /run/host/userdb are his user and group records (systemd.io,
USER_RECORD); the hash of his password, if he has one, is in a file that only root of the container can read. The keys of
\\&.ssh come with the home.
.PP
A container whose nsswitch.conf(5) names
.BR nss\\-systemd (8)
(Debian package libnss\\-systemd, of systemd 250 or later) then knows him by his name: he can log in, and own processes.
Others, such as busybox, Alpine or a Debian without that package, have the directory and the number, but no name for it,
and nobody logs in by it.
.PP
The user has to be a regular one (uid 1000 or above) with a group of his own and a home that is there. A container that
has the name or the number in its own /etc/passwd or /etc/group does not start. Whoever is root in the container can do
to that home what the user can: what is there to be run at his next login is as good as being him.
.SH EXAMPLE
.nf
[Exec]
Hostname=web.example
Environment=LANG=C.UTF\\-8 "GREETING=good day"
LimitNOFILE=4096:65536

[Files]
Bind=/srv/www:/var/www
BindReadOnly=/etc/ssl/private/web:/etc/ssl/web:rootidmap
TemporaryFileSystem=/var/cache:size=64M

[Network eth0]
Network=tsct0
Port=8080:80
Port=[::1]:5353:53/udp

[Start]
Autostart=yes
Restart=on\\-failure

[Snapshots]
Schedule=hourly hourly keep=hourly:24
Schedule=nightly 02:30 keep=daily:7,weekly:4,monthly:12
Schedule=release Fri 18:00 keep=within:1y
PreHook=/usr/local/sbin/quiesce \\-\\-now
.fi
.SH SEE ALSO
.BR tsct (1),
.BR systemd.nspawn (5),
.BR systemd.exec (5),
.BR capabilities (7)
`;

/** man/tsct.conf.5 out of the key table; \`npm run gen\` writes it. */
export function renderManPage(): string {
  const keys = describeKeys();
  const all = Object.entries(SECTION_HELP).flatMap(([section, help]) => {
    const instances = Object.entries(INSTANCE_HELP).filter(([kind]) => kind === section);
    return [
      [section, help] as const,
      ...instances.map(([kind, about]) => [`${kind} ${INSTANCE_PLACEHOLDER}`, about] as const),
    ];
  });
  const sections = all.map(([section, help]) => {
    const own = keys.filter((key) => key.section === section);
    return `.SH [${section.toUpperCase()}] SECTION\n${escapeRoff(help)}\n${own.map(renderKey).join('')}`;
  });
  return `${INTRO}${sections.join('')}${OUTRO}`;
}

function renderKey(key: KeyHelp): string {
  const notes = [
    ...(key.list ? ['list'] : []),
    ...(key.unit ? [`in ${key.unit}`] : []),
    ...(key.default === undefined ? [] : [`default: ${key.default}`]),
    ...(key.live ? ['takes effect at once'] : []),
  ];
  const tail = notes.length === 0 ? '' : `\n(${escapeRoff(notes.join('; '))})`;
  return `.TP\n.BI ${key.key}= "${escapeRoff(key.syntax)}"\n${escapeRoff(key.help)}${tail}\n`;
}

/** groff_man(7): a backslash is \\e, a minus that is meant is \\-, and no line begins with a request. */
function escapeRoff(text: string): string {
  return text
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/"/g, '\\(dq')
    .replace(/^([.'])/gm, '\\&$1');
}
