/** What `watch` knows of a peer and its mesh: gathered from the event stream, and from tables asked for anew. */
import type { Block, BlockSummary, Client, Peer, Receipt, Stakes, Status, StreamEvent } from '@gradmesh/api'

const CURVE_MAX = 512
const BLOCKS_MAX = 12
const RECEIPTS_MAX = 5

export interface WatchedBlock extends BlockSummary {
  /** Keys of those whose votes made it final; null until known. */
  readonly signers: readonly string[] | null
}

export interface Facts {
  readonly status: Status
  readonly peers: readonly Peer[]
  readonly stakes: Stakes
  readonly blocks: readonly WatchedBlock[]
  /** Of own deltas, newest first. */
  readonly receipts: readonly Receipt[]
  readonly losses: readonly number[]
  readonly scores: readonly number[]
  /** What became of each trainer's newest delta, by key. */
  readonly deltas: ReadonlyMap<string, string>
}

const NO_STAKES: Stakes = { height: 0, epoch: 0, validators: [], trainers: [], minted: '0', burnt: '0' }

export class Watched {
  readonly #losses: number[] = []
  readonly #scores: number[] = []
  readonly #deltas = new Map<string, string>()
  /** Newest first. */
  #own: string[] = []
  readonly #settled = new Map<string, Receipt>()
  readonly #details = new Map<number, Block>()
  #status: Status | undefined
  #peers: readonly Peer[] = []
  #stakes = NO_STAKES
  #blocks: readonly BlockSummary[] = []
  #isStale = true

  heard(event: StreamEvent): void {
    if (event.type === 'status') this.#status = event.status
    else this.#isStale = true
    if (event.type === 'round') {
      keep(this.#losses, event.loss)
      keep(this.#scores, event.score)
    }
    if (event.type !== 'delta') return
    const outcome = event.outcome === 'pending' ? 'waits' : event.outcome
    this.#deltas.set(event.trainer, `round ${event.round} ${outcome}`)
    if (event.own && !this.#own.includes(event.digest))
      this.#own = [event.digest, ...this.#own].slice(0, RECEIPTS_MAX)
  }

  /** Asks for the tables if something happened since the last time. */
  async refresh(client: Client): Promise<void> {
    if (!this.#isStale) return
    this.#isStale = false
    try {
      await this.#ask(client)
    } catch (error) {
      this.#isStale = true
      throw error
    }
  }

  async #ask(client: Client): Promise<void> {
    const [stakes, peers, blocks] = await Promise.all([
      client.stakes(),
      client.peers(),
      client.blocks({ limit: BLOCKS_MAX })
    ])
    this.#stakes = stakes
    this.#peers = peers.peers
    this.#blocks = blocks.blocks
    await this.#detail(client)
    await this.#settle(client)
  }

  /** Undefined until the peer has told its status. */
  facts(): Facts | undefined {
    if (this.#status === undefined) return undefined
    return {
      status: this.#status,
      peers: this.#peers,
      stakes: this.#stakes,
      blocks: this.#blocks.map(block => ({
        ...block,
        signers: this.#details.get(block.height)?.certificate?.signers ?? null
      })),
      receipts: this.#own.flatMap(digest => this.#settled.get(digest) ?? []),
      losses: this.#losses,
      scores: this.#scores,
      deltas: this.#deltas
    }
  }

  /** Final blocks never change: each is asked for once, when its certificate is known. */
  async #detail(client: Client): Promise<void> {
    for (const { height } of this.#blocks)
      if (this.#details.get(height)?.certificate == null)
        this.#details.set(height, await client.block({ height }))
    for (const height of this.#details.keys())
      if (!this.#blocks.some(block => block.height === height)) this.#details.delete(height)
  }

  async #settle(client: Client): Promise<void> {
    for (const digest of this.#own) {
      if ((this.#settled.get(digest)?.outcome ?? 'pending') !== 'pending') continue
      const receipt = await client.delta({ digest }).catch(() => undefined)
      if (receipt !== undefined) this.#settled.set(digest, receipt)
    }
    for (const digest of this.#settled.keys()) if (!this.#own.includes(digest)) this.#settled.delete(digest)
  }
}

const keep = (values: number[], value: number | null): void => {
  if (value === null) return
  values.push(value)
  if (values.length > CURVE_MAX) values.shift()
}
