import { mkdir } from 'node:fs/promises';
import { execa } from 'execa';
import type { StateLayout } from '../../src/base/paths.js';
import { VIEW_DIR, viewWords } from '../../src/lifecycle/view.js';
import { readCurrent } from '../../src/state/current.js';

/** Makes a tree with one of everything that a root can have. */
const MAKE = `
  umask 022
  mkdir -p etc d/deep dr empty sbin; : >sbin/init; chmod 755 sbin/init; echo one >d/file; ln d/file d/again; ln d/file other
  ln -s ../d/file d/link; ln -s /nowhere abs; chown -h 7:8 abs; ln abs abs2; ln -s "$(printf 'no\\377text')" nolink
  echo s >setid; chown 0:42 setid; chmod 6755 setid; mkdir -m 2775 setgid; mkdir -m 1777 tmp
  : >zero; truncate -s 50M hole; printf x | dd of=hole bs=1 seek=20000000 conv=notrunc status=none
  truncate -s 3M allhole; head -c 300000 /dev/urandom >big; head -c 70000 /dev/zero >zeros; echo z >>zeros
  mknod null c 1 3; mknod blk b 8 1; mkfifo fifo; chmod 640 blk
  echo c >cap; chown 0:5 cap; setcap cap_net_raw+ep cap
  echo a >acl; setfacl -m u:4711:rw,g:4712:r,m::r acl; setfacl -d -m u:4711:rwx dr; setfacl -m g:4712:x dr; echo in >dr/inside
  setfattr -n user.note -v "two words" d/file; setfattr -n user.bin -v 0x00ff00 big; setfattr -n user.dir -v x d
  printf n >"$(printf 'n\\377\\n')"; chmod 000 zero; chmod 555 d/deep; chown -R 1000:1001 d/deep; chmod 0400 big
  touch -h -d '2001-02-03 04:05:06.123456789' abs d/file; touch -d '1969-12-31 23:59:58' zeros; touch -d 2002-01-01 d dr .
`;

export async function makeOneOfEverything(tree: string): Promise<void> {
  await mkdir(tree, { recursive: true });
  await execa('bash', ['-ec', MAKE], { cwd: tree });
}

/**
 * All that is said of a tree: owners, modes, times, sizes, blocks, links, nodes, contents, attributes, ACLs. Without
 * what makes a machine another one (/etc).
 */
export async function told(tree: string, via: readonly string[] = []): Promise<string> {
  const script = `
    cd ${tree}
    find . -path ./etc -prune -o -printf '%P %y %m %U %G %s %n %l %T@\\n' | sed 's/^ d.*/top/' | sort
    find . -path ./etc -prune -o -type f -size +64k -printf '%P %b blocks\\n' | sort
    find . \\( -type b -o -type c \\) -exec stat -c '%n %t %T' {} + | sort
    find . -path ./etc -prune -o -type f -exec sha256sum {} + | sort
    getfattr -Rhd -m - . 2>/dev/null | sort; find . -path ./etc -prune -o ! -type l -print0 | sort -z | xargs -0 getfacl -nP 2>/dev/null; getcap -r .
    for group in 'd/file d/again other' 'abs abs2'; do stat -c %i $group | sort -u | wc -l; done`;
  const [program = '', ...words] = [...via, 'bash', '-c', script];
  return (await execa(program, words, { env: { LC_ALL: 'C' } })).stdout;
}

/** What a stopped container's root looks like to a program that reads it. */
export async function toldOf(layout: StateLayout, name: string): Promise<string> {
  const { layers, upper } = await readCurrent(layout.currentFile(name));
  return told(VIEW_DIR, viewWords([...layers, upper].map(layout.layerTree)));
}
