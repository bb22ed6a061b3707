import { remember } from '@gradmesh/core'

/** The few large things that were read last for answers: each is asked for piece by piece, and by many peers at once. */
export class LastRead {
  readonly #most: number
  readonly #read = new Map<string, Promise<Uint8Array | undefined>>()

  constructor(most: number) {
    this.#most = most
  }

  /** What `key` stands for; `read` is called unless that is kept, and what it does not find is not. */
  async get(key: string, read: () => Promise<Uint8Array | undefined>): Promise<Uint8Array | undefined> {
    const bytes = this.#read.get(key) ?? read()
    remember(this.#read, key, bytes, this.#most)
    const forget = (): void => {
      if (this.#read.get(key) === bytes) this.#read.delete(key)
    }
    bytes.then(found => found ?? forget(), forget)
    return bytes
  }
}
