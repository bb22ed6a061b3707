import type { Traffic } from './types.ts'

/** Messages and payload bytes by topic or protocol; names come only from what this peer registered. */
export class Tally {
  readonly #byName = new Map<string, { messages: number; bytes: number }>()

  add(name: string, bytes: number): void {
    const entry = this.#byName.get(name)
    if (entry === undefined) {
      this.#byName.set(name, { messages: 1, bytes })
      return
    }
    entry.messages++
    entry.bytes += bytes
  }

  snapshot(): Traffic['byTopic'] {
    return Object.fromEntries([...this.#byName].map(([name, entry]) => [name, { ...entry }]))
  }
}
