import { execa } from 'execa';

/** A tree with one of everything, made by bash in an empty directory. Needs root. */
export const MAKE_TREE = `
  umask 022
  mkdir -p d/deep dr empty; echo one >d/file; ln d/file d/again; ln d/file other; ln -s ../d/file d/link; ln -s /nowhere abs
  chown -h 7:8 abs; ln abs abs2; echo s >setid; chown 0:42 setid; chmod 6755 setid; mkdir -m 2775 setgid; mkdir -m 1777 tmp
  : >zero; truncate -s 50M hole; printf x | dd of=hole bs=1 seek=20000000 conv=notrunc status=none
  truncate -s 3M allhole; head -c 300000 /dev/urandom >big; head -c 70000 /dev/zero >zeros; echo z >>zeros
  mknod null c 1 3; mknod blk b 8 1; mkfifo fifo; chmod 640 blk
  echo c >cap; setcap cap_net_raw+ep cap; chown 0:5 cap; setcap cap_net_raw+ep cap
  echo a >acl; setfacl -m u:4711:rw,g:4712:r,m::r acl; setfacl -d -m u:4711:rwx dr; setfacl -m g:4712:x dr; echo in >dr/inside
  setfattr -n user.note -v "two words" d/file; setfattr -n user.bin -v 0x00ff00 big; setfattr -n user.dir -v x d
  printf 'n' >"$(printf 'n\\377\\n')"; chmod 000 zero; chmod 555 d/deep; chown -R 1000:1001 d/deep; chmod 0400 big
  touch -h -d '2001-02-03 04:05:06.123456789' abs d/file; touch -d '1969-12-31 23:59:58' zeros; touch -d 2002-01-01 d dr .
`;

/** All that is said of a tree: owners, modes, times, sizes, nodes, contents, attributes, ACLs, what is linked to what. */
export async function toldTree(tree: string): Promise<string> {
  const script = `
    find . -printf '%P %y %m %U %G %s %n %l %T@\\n' | sort
    find . \\( -type b -o -type c \\) -exec stat -c '%n %t %T' {} + | sort
    find . -type f -exec sha256sum {} + | sort
    find . -print0 | sort -z | xargs -0 getfattr -hd -m - 2>/dev/null
    find . ! -type l -print0 | sort -z | xargs -0 getfacl -np 2>/dev/null; getcap -r . | sort
    find . ! -type d -links +1 -printf '%i %P\\n' | sort -k2 | awk '!($1 in first) {first[$1] = $2} {print $2, first[$1]}'`;
  return (await execa('bash', ['-c', script], { cwd: tree, env: { LC_ALL: 'C' }, maxBuffer: 1 << 28 }))
    .stdout;
}
