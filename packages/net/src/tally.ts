import type { TopicTraffic, Traffic } from './types.ts'

/** Messages and payload bytes by topic or protocol; names come only from what this peer registered. */
export class Tally {
  readonly #byName = new Map<string, TopicTraffic>()

  received(name: string, bytes: number): void {
    this.#add(name, 0, bytes)
  }

  sent(name: string, bytes: number): void {
    this.#add(name, bytes, 0)
  }

  /** A request and its reply count as one message. */
  exchanged(name: string, sentBytes: number, receivedBytes: number): void {
    this.#add(name, sentBytes, receivedBytes)
  }

  snapshot(): Traffic['byTopic'] {
    return Object.fromEntries(this.#byName)
  }

  #add(name: string, sentBytes: number, receivedBytes: number): void {
    const before = this.#byName.get(name) ?? { messages: 0, bytes: 0, sentBytes: 0 }
    this.#byName.set(name, {
      messages: before.messages + 1,
      bytes: before.bytes + sentBytes + receivedBytes,
      sentBytes: before.sentBytes + sentBytes
    })
  }
}
