/**
 * A peer over its ports. What it is made of: `lifecycle/assembling.ts`. It starts here, step by step; from then on it
 * takes part in the mesh (`lifecycle/participating.ts`) until it ends (`lifecycle/lifetime.ts`). How the parts work
 * together is told in docs/ARCHITECTURE.md.
 */
import type { LastError, Ticket } from '@gradmesh/api'
import { News, toHex } from '@gradmesh/core'
import type { Reachability } from '@gradmesh/net'
import type { AdapterInfo } from '@gradmesh/tensor'
import { openTask } from '@gradmesh/train'
import { chainIdOf, type Genesis, type KeyPair } from '@gradmesh/wire'
import { checkMemoryCap } from './caps/index.ts'
import type { Context } from './context.ts'
import { originOf } from './disk/start.ts'
import type { Held } from './holding.ts'
import type { Asking } from './inference/asking.ts'
import { assemble, heldBy, type Parts } from './lifecycle/assembling.ts'
import { goOnline } from './lifecycle/going-online.ts'
import { type Closers, Lifetime } from './lifecycle/lifetime.ts'
import { makeContext, openStores, startCompute } from './lifecycle/opening.ts'
import { Participating } from './lifecycle/participating.ts'
import { keptBlocks, type NodeOptions } from './options.ts'
import type { Ports } from './ports.ts'
import type { DeltaPool } from './round/delta-pool.ts'
import type { Driver } from './round/driver.ts'
import type { TransactionPool } from './round/transaction-pool.ts'
import { AGENT, type Outcome, type Running } from './running.ts'
import type { Ledger } from './state/ledger.ts'
import type { StateHead } from './state/state-table.ts'
import { lookAround } from './sync/entering.ts'
import { ticketOf } from './sync/inviting.ts'
import { restoreFromDisk } from './sync/restoring.ts'
import { blocks, Journal } from './telling/journal.ts'
import { agentWith, Labels } from './telling/labels.ts'
import { Reporting } from './telling/reporting.ts'

export class MeshPeer implements Running {
  readonly agent = AGENT
  readonly key: string
  readonly startedMs: number
  /** Of a plug-in only its opener knows it. */
  scoreName = 'score'
  readonly parameters: number
  readonly reporting: Reporting
  readonly journal = new Journal()
  adapter: AdapterInfo | null = null
  isOnline = false
  onReachability: (reachability: Reachability) => void = () => {}

  readonly #ports: Ports
  readonly #options: NodeOptions
  readonly #keys: KeyPair
  readonly #genesis: Genesis
  readonly #genesisBytes: Uint8Array
  readonly #agent: string
  readonly #labels = new Labels()
  readonly #company = new News()
  readonly #lifetime: Lifetime
  #context!: Context
  #parts: Parts | undefined

  constructor(ports: Ports, options: NodeOptions, keys: KeyPair, genesis: Genesis, genesisBytes: Uint8Array) {
    const { clock, metrics } = ports
    this.#ports = ports
    this.startedMs = clock.nowMs()
    this.#options = options
    this.#keys = keys
    this.#genesis = genesis
    this.#genesisBytes = genesisBytes
    this.key = toHex(keys.publicKey)
    this.#agent = agentWith(AGENT, options.label)
    this.#labels.put(this.key, options.label)
    if (genesis.task.digest === null) this.scoreName = openTask(genesis.task).scoreName
    this.parameters = genesis.tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
    this.reporting = new Reporting(clock, this.journal, metrics, this.key, genesis.training.batch)
    this.#lifetime = new Lifetime({
      log: options.logger,
      onStopping: () => this.#company.tell(),
      onFailure: error => {
        this.journal.failed(error, clock.wallMs())
        this.journal.enter('stalled', error.message)
      }
    })
  }

  // ------------------------------------------------------------- its life

  /** Opens what it works with; from then on it can be looked at. */
  open(): Promise<void> {
    return this.#lifetime.during(this.#open())
  }

  /** Takes up its ledger and goes online; catching up, voting and training then go on by themselves. */
  start(): Promise<void> {
    return this.#lifetime.during(this.#start())
  }

  /** Resolves when the last round is final; rejects when the peer had to stop. */
  get finished(): Promise<Outcome> {
    return this.#lifetime.finished
  }

  stop(): Promise<void> {
    return this.#lifetime.stop()
  }

  /** Undone in reverse order when the peer stops. */
  get closers(): Closers {
    return this.#lifetime.closers
  }

  async #open(): Promise<void> {
    const { clock, metrics } = this.#ports
    const { fail, closers } = this.#lifetime
    checkMemoryCap(this.#options.caps?.memoryBytes ?? null, this.parameters)
    const isRestored = (await this.#ports.restored?.isThere()) ?? false
    const stores = await openStores(this.#ports, this.#keys, this.#genesisBytes, closers)
    const state = this.#ports.openState(fail)
    closers.push(() => state.close())
    this.#context = makeContext({
      ...stores,
      options: this.#options,
      keys: this.#keys,
      genesis: this.#genesis,
      genesisBytes: this.#genesisBytes,
      isRestored,
      company: this.#company,
      net: await this.#ports.openNet(chainIdOf(this.#genesis), this.#keys),
      clock,
      metrics,
      state: state.call,
      fail
    })
  }

  async #start(): Promise<void> {
    const { journal, reporting } = this
    const context = this.#context
    const lifetime = this.#lifetime
    journal.enter('starting', 'opening the adapter')
    const compute = await startCompute(this.#ports, context, lifetime.closers)
    const held = await this.#restore()
    const meet = await this.#goOnline()
    const head = await this.#headToStartAt(held)
    const parts = await assemble(context, head, compute, this.#ports.restored)
    const { loopDelay, checkTrust } = this.#ports
    const init = { journal, reporting, lifetime, agent: this.#agent, loopDelay, checkTrust }
    const participating = new Participating(context, parts, init)
    this.#parts = parts
    for (const { key } of context.net.peers()) meet(key)
    void participating.begin().catch(lifetime.fail)
    // The vote does not wait for it, whoever starts the peer does: without one it must not go on.
    this.adapter = (await compute.opened).adapter
    lifetime.assertGoing()
  }

  /** The final state that the own disk gives; undefined where not even the genesis is enough for one. */
  async #restore(): Promise<StateHead | undefined> {
    const { chain, state, epochs } = this.#context
    const head = await restoreFromDisk(
      chain,
      state,
      () => originOf(this.#genesis, this.#options.folder, this.#options.dataset),
      (height, target) => {
        this.#lifetime.assertGoing()
        this.journal.enter('starting', `replaying block ${height} of ${target}`, blocks(height, target))
      }
    )
    if (head !== undefined) epochs.turn(head.accounts)
    this.#lifetime.assertGoing()
    return head
  }

  async #goOnline(): Promise<(peer: string) => void> {
    const meet = await goOnline(this.#context, {
      agent: this.#agent,
      labels: this.#labels,
      reporting: this.reporting,
      parts: () => this.#parts,
      onReachability: reachability => this.onReachability(reachability)
    })
    this.isOnline = true
    this.closers.push(() => {
      this.isOnline = false
      return this.#context.net.stop()
    })
    return meet
  }

  /** @param held from the own disk. Who has nothing beyond the genesis looks whether others have. */
  async #headToStartAt(held: StateHead | undefined): Promise<StateHead> {
    const { safety, epochs } = this.#context
    const { isStopping } = this.#lifetime
    const isNew = (await safety.final()) === undefined
    // An archive wants all blocks, from the first.
    const isArchive = keptBlocks(this.#options) === null
    if (held !== undefined && (isArchive || held.height > 0 || (isNew && epochs.running.self !== null)))
      return held
    const adopted = await lookAround(this.#context, this.journal, isStopping, held !== undefined)
    this.#lifetime.assertGoing()
    if (adopted !== undefined) epochs.turn(adopted.head.accounts)
    return adopted?.head ?? held!
  }

  // ------------------------------------------------------------- what may be known of it

  /** What its parts are given, once it is open. */
  get context(): Context {
    return this.#context
  }

  get ledger(): Ledger | undefined {
    return this.#parts?.ledger
  }

  get driver(): Driver | undefined {
    return this.#parts?.driver
  }

  get pool(): DeltaPool | undefined {
    return this.#parts?.pool
  }

  get transactions(): TransactionPool | undefined {
    return this.#parts?.transactions
  }

  get asking(): Asking | undefined {
    return this.adapter === null ? undefined : this.#parts?.asking
  }

  get trainingPause(): string | null {
    return this.#parts?.caps.pause ?? null
  }

  get lastError(): LastError | null {
    return this.journal.lastError
  }

  labelOf(key: string): string | null {
    return this.#labels.of(key)
  }

  loopDelayMs(): number {
    return this.#ports.loopDelay.p99Ms()
  }

  ticket(): Ticket | null {
    return this.ledger === undefined ? null : ticketOf(this.#context, this.ledger.final)
  }

  /** What its parts keep because of what others sent; nothing while it starts. */
  held(): readonly Held[] {
    if (this.#parts === undefined || !this.isOnline) return []
    return [...heldBy(this.#parts, this.#context), ...this.#labels.held()]
  }
}
