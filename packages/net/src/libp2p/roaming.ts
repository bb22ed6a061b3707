/**
 * A laptop goes from one network to another. What it had connected from the address it has lost is dead, for no answer
 * finds its way back; but the system says nothing of it, and pings take 15 s and more to notice. So the addresses of this
 * machine are looked at once a second.
 */
import { networkInterfaces } from 'node:os'

/** In how many looks in a row an address has to be missing: renewing a lease may take it away for a moment. */
const MISSING_LOOKS = 2

export interface Roamed {
  /** Gone for good. */
  readonly lost: readonly string[]
  /** There is a way out that was not there before. */
  readonly isNew: boolean
}

export class Roaming {
  readonly #addresses: () => Iterable<string>
  #held: ReadonlySet<string>
  /** In how many looks each has been missing. */
  readonly #missing = new Map<string, number>()

  constructor(addresses: () => Iterable<string> = addressesOfThisMachine) {
    this.#addresses = addresses
    this.#held = new Set(addresses())
  }

  look(): Roamed {
    const before = this.#held
    const now = new Set(this.#addresses())
    this.#held = now
    for (const address of before) if (!now.has(address)) this.#missing.set(address, 0)
    const lost: string[] = []
    let isNew = false
    for (const address of now) isNew = !(before.has(address) || this.#missing.delete(address)) || isNew
    for (const [address, looks] of this.#missing) {
      this.#missing.set(address, looks + 1)
      if (looks + 1 < MISSING_LOOKS) continue
      this.#missing.delete(address)
      lost.push(address)
    }
    return { lost, isNew }
  }
}

const addressesOfThisMachine = (): string[] =>
  Object.values(networkInterfaces()).flatMap(each => (each ?? []).map(({ address }) => address))

/** As the list of interfaces has it: a socket for both families puts IPv4 into IPv6, and names the interface. */
export const plainAddress = (address: string): string =>
  address.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '')
