/**
 * Who is connected. A peer counts as connected from the moment that gossip reaches it (or, for one that
 * shares no topic with us, a short while after its connection stands), so whoever hears of a peer can
 * publish to it at once. It counts until its last connection closes.
 */
import type { Connection } from '@libp2p/interface'
import type { PeerKey } from '../types.ts'
import { keyOf } from './addresses.ts'
import type { Node } from './node.ts'

/** How long a connection may take to show that it carries gossip before it counts without. */
const READY_MS_MAX = 2000
const READY_CHECK_MS = 40
/** Ticks (seconds) in a row without gossip streams after which a connection is begun afresh. */
const MUTE_TICKS_MAX = 3

export interface RosterInit {
  readonly node: Node
  /** Gossip goes both ways and the topics are known. */
  readonly isReached: (peer: PeerKey) => boolean
  readonly hasStreams: (peer: PeerKey) => boolean
  readonly onConnect: (peer: PeerKey) => void
  readonly onDisconnect: (peer: PeerKey) => void
  /** The connection that carried gossip has closed, and this one is left. */
  readonly onMoved: (connection: Connection) => void
  /** The peer has connected once more: whether these still answer is worth a look. */
  readonly onAnother: (newer: Connection, older: readonly Connection[]) => void
  /** Gossip with a connected peer has died (an overlong frame, a full buffer). */
  readonly onMute: (peer: PeerKey) => void
}

interface Row {
  readonly connections: Connection[]
  readonly timer: NodeJS.Timeout
  isReady: boolean
  hadStreams: boolean
  muteTicks: number
}

export class Roster {
  readonly #init: RosterInit
  readonly #rows = new Map<PeerKey, Row>()
  readonly #waiting = new Map<PeerKey, (() => void)[]>()

  constructor(init: RosterInit) {
    this.#init = init
    init.node.addEventListener('connection:open', ({ detail }) => this.#opened(detail))
    init.node.addEventListener('connection:close', ({ detail }) => this.#closed(detail))
  }

  peers(): PeerKey[] {
    return [...this.#rows].filter(([, row]) => row.isReady).map(([peer]) => peer)
  }

  /** Connected or about to be. */
  has(peer: PeerKey): boolean {
    return this.#rows.has(peer)
  }

  get size(): number {
    return this.#rows.size
  }

  /** The oldest open connection with the peer, direct ones before those through a relay. */
  connection(peer: PeerKey): Connection | undefined {
    const open = this.#rows.get(peer)?.connections.filter(({ status }) => status === 'open') ?? []
    return open.find(({ direct }) => direct) ?? open[0]
  }

  connections(peer: PeerKey): readonly Connection[] {
    return this.#rows.get(peer)?.connections ?? []
  }

  /** Resolves when the peer is ready or gone. */
  async ready(peer: PeerKey): Promise<void> {
    const row = this.#rows.get(peer)
    if (row === undefined || row.isReady) return
    await new Promise<void>(resolve => {
      this.#waiting.set(peer, [...(this.#waiting.get(peer) ?? []), resolve])
    })
  }

  /** Once a second. */
  tick(): void {
    for (const [peer, row] of this.#rows) {
      if (this.#init.hasStreams(peer)) {
        row.hadStreams = true
        row.muteTicks = 0
      } else if (row.hadStreams && ++row.muteTicks >= MUTE_TICKS_MAX) {
        row.muteTicks = 0
        this.#init.onMute(peer)
      }
    }
  }

  stop(): void {
    for (const { timer } of this.#rows.values()) clearInterval(timer)
    for (const peer of [...this.#waiting.keys()]) this.#wake(peer)
    this.#rows.clear()
  }

  #opened(connection: Connection): void {
    const peer = keyOf(connection.remotePeer)
    if (peer === undefined) {
      connection.close().catch(error => connection.abort(error))
      return
    }
    const row = this.#rows.get(peer)
    if (row !== undefined) {
      this.#init.onAnother(connection, [...row.connections])
      row.connections.push(connection)
      return
    }
    let checks = 0
    const fresh: Row = {
      connections: [connection],
      timer: setInterval(() => {
        checks++
        if (this.#init.isReached(peer) || checks * READY_CHECK_MS > READY_MS_MAX) this.#makeReady(peer, fresh)
      }, READY_CHECK_MS),
      isReady: false,
      hadStreams: false,
      muteTicks: 0
    }
    this.#rows.set(peer, fresh)
  }

  #closed(connection: Connection): void {
    const peer = keyOf(connection.remotePeer)
    const row = peer === undefined ? undefined : this.#rows.get(peer)
    if (peer === undefined || row === undefined) return
    const at = row.connections.indexOf(connection)
    if (at >= 0) row.connections.splice(at, 1)
    if (row.connections.length > 0) {
      if (!this.#init.hasStreams(peer)) this.#init.onMoved(row.connections[0]!)
      return
    }
    clearInterval(row.timer)
    this.#rows.delete(peer)
    this.#wake(peer)
    this.#init.onDisconnect(peer)
  }

  #makeReady(peer: PeerKey, row: Row): void {
    if (row.isReady || this.#rows.get(peer) !== row) return
    clearInterval(row.timer)
    row.isReady = true
    this.#init.onConnect(peer)
    this.#wake(peer)
  }

  #wake(peer: PeerKey): void {
    const waiting = this.#waiting.get(peer) ?? []
    this.#waiting.delete(peer)
    for (const resolve of waiting) resolve()
  }
}
