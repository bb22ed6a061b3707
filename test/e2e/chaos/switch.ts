/**
 * Hosts on one switch, each a network namespace whose peer has a disk of its own, small enough to be filled. The
 * switch can be parted; a host's wall clock can be set wrong from its next start on.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Home } from '../harness.ts'
import { inside, ip, link, Namespaces } from '../namespaces/namespaces.ts'

const SKEWED_CLOCK = join(import.meta.dirname, 'skewed-clock.ts')
const DISK = 'size=64m'

const hostOf = (index: number): string => `host-${index}`
const addressOf = (index: number): string => `10.78.0.${index + 1}`

export class Switch {
  readonly #namespaces: Namespaces
  readonly #count: number
  readonly #skewMs = new Map<number, number>()
  #parted: readonly number[] = []

  private constructor(namespaces: Namespaces, count: number) {
    this.#namespaces = namespaces
    this.#count = count
  }

  static async create(count: number): Promise<Switch> {
    return new Switch(await Namespaces.create(namespaces => build(namespaces, count)), count)
  }

  home(index: number): Home {
    const plain = this.#namespaces.home(hostOf(index), addressOf(index), addressOf(index))
    const skewOf = (): number => this.#skewMs.get(index) ?? 0
    return {
      ...plain,
      mount: async folder => mount(folder),
      unmount: async folder => unmount(folder),
      get enter() {
        const skewMs = skewOf()
        if (skewMs === 0) return plain.enter
        return [...plain.enter, 'env', `SKEW_MS=${skewMs}`, `NODE_OPTIONS=--import=${SKEWED_CLOCK}`]
      }
    }
  }

  /** From the next start of its peer on. */
  skew(index: number, skewMs: number): void {
    this.#skewMs.set(index, skewMs)
  }

  /** These hear nobody else, and nobody else hears them; among themselves they talk. */
  part(few: readonly number[]): void {
    this.#parted = few
    const others = Array.from({ length: this.#count }, (_, i) => i).filter(i => !few.includes(i))
    for (const index of few) {
      for (const other of others) {
        inside(
          this.#namespaces.named(hostOf(index)),
          'iptables',
          '-A',
          'INPUT',
          '-s',
          addressOf(other),
          '-j',
          'DROP'
        )
        inside(
          this.#namespaces.named(hostOf(index)),
          'iptables',
          '-A',
          'OUTPUT',
          '-d',
          addressOf(other),
          '-j',
          'DROP'
        )
      }
    }
  }

  join(): void {
    for (const index of this.#parted) inside(this.#namespaces.named(hostOf(index)), 'iptables', '-F')
    this.#parted = []
  }

  close(): Promise<void> {
    return this.#namespaces.close()
  }
}

const mount = (folder: string): void => {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  execFileSync('mount', ['-t', 'tmpfs', '-o', `${DISK},mode=0700`, 'tmpfs', folder])
}

const unmount = (folder: string): void => {
  execFileSync('umount', ['-l', folder])
}

const build = async (namespaces: Namespaces, count: number): Promise<void> => {
  const middle = namespaces.add('switch')
  ip('-n', middle, 'link', 'add', 'bridge', 'type', 'bridge')
  ip('-n', middle, 'link', 'set', 'bridge', 'up')
  for (let index = 0; index < count; index++) {
    const host = namespaces.add(hostOf(index))
    const port = `port-${index}`
    link(
      { namespace: middle, name: port },
      { namespace: host, name: 'eth0', address: `${addressOf(index)}/24` }
    )
    ip('-n', middle, 'link', 'set', port, 'master', 'bridge')
    await namespaces.openDoorway(hostOf(index))
  }
}
