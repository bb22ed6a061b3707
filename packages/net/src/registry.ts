/** What was registered before start: topics with their handlers, protocols with theirs. */
import { wrongState } from './errors.ts'
import { Lines } from './lines.ts'
import type { GossipHandler, HandleOptions, RequestHandler, TopicOptions } from './types.ts'

export interface TopicEntry {
  readonly maxBytes: number
  readonly handler: GossipHandler
}

export interface ProtocolEntry {
  readonly maxRequestBytes: number
  readonly handler: RequestHandler
  readonly lines: Lines
}

export class Registry {
  readonly topics = new Map<string, TopicEntry>()
  readonly protocols = new Map<string, ProtocolEntry>()
  #closed = false

  subscribe(topic: string, { maxBytes }: TopicOptions, handler: GossipHandler): void {
    this.#admit('subscribe', topic, this.topics.has(topic))
    this.topics.set(topic, { maxBytes, handler })
  }

  handle(
    protocol: string,
    maxRequestBytes: number,
    handler: RequestHandler,
    { atOnce }: HandleOptions = {}
  ): void {
    this.#admit('handle', protocol, this.protocols.has(protocol))
    this.protocols.set(protocol, { maxRequestBytes, handler, lines: new Lines(atOnce) })
  }

  /** From `start` on nothing is added: scoring and stream limits are fixed then. */
  close(): void {
    if (this.#closed) throw wrongState('a net starts once; make a new one to start again')
    this.#closed = true
  }

  #admit(what: string, name: string, taken: boolean): void {
    if (this.#closed) throw wrongState(`${what}(${name}) came after start`)
    if (taken) throw wrongState(`${what}(${name}) was called twice`)
  }
}
