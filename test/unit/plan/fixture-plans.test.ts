import { describe, expect, it } from 'vitest';
import { parseSlice } from '../../../src/definition/slice-file.js';
import { buildPlan } from '../../../src/plan/build-plan.js';
import type { PlanInput } from '../../../src/plan/plan-input.js';
import { ociErrors } from './oci-schema.js';
import { CONNECTED, MODERN_FACTS, SAMPLE_FACTS, sampleInput } from './sample-input.js';

/**
 * The contract with native: test/native decodes these very files. After a change that is meant,
 * `npx vitest run test/unit/plan -u` writes them anew.
 */
const FIXTURES: Readonly<Record<string, PlanInput>> = {
  'busybox-overlay': sampleInput('', { name: 'busybox' }),
  'debian-dir': sampleInput(
    '[Exec]\nHostname=deb.example\nKillSignal=SIGRTMIN+4\n[Start]\nRestart=always\n',
    {
      name: 'debian',
      facts: MODERN_FACTS,
      root: { isOverlay: false, layers: [], upperDir: '/var/lib/tsct/.store/layers/debian-root' },
    },
  ),
  'busybox-shared': sampleInput('[Exec]\nLinkJournal=host\n[Files]\nBindUser=ada\n', {
    name: 'busybox',
    facts: { ...SAMPLE_FACTS, journals: [], lxcfs: '/usr/bin/lxcfs' },
    hostUsers: {
      ada: {
        name: 'ada',
        uid: 1000,
        gid: 1001,
        group: 'ada',
        realName: 'Ada',
        home: '/home/ada',
        hasHome: true,
        shell: '/bin/bash',
        hashedPassword: '$y$hash',
      },
    },
  }),
  'busybox-volatile': sampleInput('[Storage]\nVolatile=yes\n', { name: 'busybox' }),
  'busybox-ephemeral': sampleInput('[Storage]\nSizeMax=1G\n', {
    name: 'busybox',
    writesTo: 'run',
    root: { ...sampleInput('').root, limitedBy: 'project' },
  }),
  'with-network': sampleInput(
    '[Network eth0]\nIngressMax=20M\nEgressMax=50G\nIsolated=yes\nPort=8080:80\nPort=[::1]:53:5353/udp\n[Network eth1]\nBridge=br0\nAddress=198.18.0.2/24\nGateway=198.18.0.1\nMTUBytes=1400\n',
    CONNECTED,
  ),
  'with-kinds': sampleInput(
    `[Network eth0]
Kind=routed
Address=198.18.0.2/24
Address=2001:db8::2/64
[Network eth1]
Kind=macvlan
Link=eno1
Mode=source
SourceMACAddress=02:00:00:00:00:07
TransmitQueueLength=50
[Network eth2]
Kind=ipvlan
Link=eno1
Mode=l3
Address=198.18.1.2/24
[Network eth3]
Kind=vlan
Link=eno1
VLANId=7
[Network eth4]
Kind=physical
Link=eno2
`,
    {
      identity: {
        ...sampleInput('').identity,
        macs: { eth0: '02:11:22:33:44:55', eth1: '02:11:22:33:44:66', eth3: '02:11:22:33:44:77' },
      },
      linkMacs: { eno2: '52:54:00:12:34:56' },
    },
  ),
  'with-devices': sampleInput(
    '[Resources]\nDevice=/dev/kvm:rw,gid=106,mode=660\nDevice=/dev/disk/by-id/usb-x:/dev/usb:r,optional\nDevice=usb:1a86:7523:rw\nDevicePolicy=closed\nDeviceAllow=/dev/sda r\nDeviceAllow=char-ttyUSB\n',
  ),
  'joined-network': sampleInput('[Network]\nNamespace=container:db\n'),
  'with-slice': {
    ...sampleInput('[Resources]\nSlice=web-front.slice\nTasksMax=40\n'),
    slices: [{ name: 'web.slice', definition: parseSlice({ file: 'web', text: '[Slice]\nTasksMax=90\n' }) }],
  },
  'with-binds': sampleInput(`
[Exec]
Init=/opt/init
CPUAffinity=0-1
Parameters=--verbose "two words"
ResolvConf=copy-host
Personality=x86
OOMScoreAdjust=100
NoNewPrivileges=yes
SetCredential=greeting:hello
[Files]
Bind=/srv/data:/data
Bind=-/srv/maybe:/maybe:norbind,rootidmap
BindReadOnly=+/usr/share:/mnt/share
BindReadOnly=/srv/owned:/owned:owneridmap
TemporaryFileSystem=/scratch:size=1m,mode=1777
Inaccessible=/etc/secret
Overlay=+/var::/var
OverlayReadOnly=/srv/a:/srv/b:/merged
`),
};

describe('plans that native is tested with', () => {
  for (const [name, input] of Object.entries(FIXTURES)) {
    it(`${name} is an OCI runtime document`, () => {
      expect(ociErrors(buildPlan(input))).toEqual([]);
    });
    it(`${name} is the stored one`, async () => {
      const text = `${JSON.stringify(buildPlan(input), null, 2)}\n`;
      await expect(text).toMatchFileSnapshot(`../../fixtures/plans/${name}.json`);
    });
  }

  it('the validator finds what is wrong', () => {
    expect(ociErrors({ ...buildPlan(sampleInput('')), hostname: 7 })).not.toEqual([]);
  });
});
