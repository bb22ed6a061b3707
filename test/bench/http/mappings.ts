/** What a process's resident memory is made of, from Linux's /proc/PID/smaps. */
import { readFile } from 'node:fs/promises'

/**
 * `malloc`: the allocator's arenas. `anonymous`: V8's heaps, arrays with pages of their own, stacks. `files`:
 * programs, libraries, and database files, which the kernel takes back when it needs room.
 */
export const KINDS = ['malloc', 'anonymous', 'files'] as const
type Kind = (typeof KINDS)[number]
export type Mapped = Readonly<Record<Kind | 'all', number>>

const HEAD = /^([0-9a-f]+)-[0-9a-f]+ (\S+) \S+ \S+ \S+ *(.*)$/
/** glibc aligns each further arena so; nothing else that can be written to begins there but by chance. */
const ARENA_BYTES = 64n * 1024n * 1024n

const kindOf = ([, from = '', rights = '', name = '']: RegExpExecArray): Kind => {
  if (name === '[heap]') return 'malloc'
  if (name !== '') return name.startsWith('[') ? 'anonymous' : 'files'
  return rights.startsWith('rw') && BigInt(`0x${from}`) % ARENA_BYTES === 0n ? 'malloc' : 'anonymous'
}

/** In bytes. */
export const mappedBy = async (pid: number): Promise<Mapped> => {
  const mapped = { malloc: 0, anonymous: 0, files: 0, all: 0 }
  let kind: Kind = 'files'
  for (const line of (await readFile(`/proc/${pid}/smaps`, 'utf8')).split('\n')) {
    const head = HEAD.exec(line)
    if (head !== null) kind = kindOf(head)
    const kibibytes = /^Rss: +(\d+) kB$/.exec(line)?.[1]
    if (kibibytes === undefined) continue
    mapped[kind] += Number(kibibytes) * 1024
    mapped.all += Number(kibibytes) * 1024
  }
  return mapped
}
