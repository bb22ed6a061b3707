/**
 * A peer over its ports: puts the parts together, and takes them apart again. How the parts work
 * together is told in docs/ARCHITECTURE.md; each of them is one file beside this one.
 */
import type { LastError, Ticket } from '@gradmesh/api'
import { MeshError, toHex } from '@gradmesh/core'
import { payloadBytesMax } from '@gradmesh/delta'
import { layoutOf } from '@gradmesh/ledger'
import type { Reachability } from '@gradmesh/net'
import type { AdapterInfo } from '@gradmesh/tensor'
import { openTask } from '@gradmesh/train'
import {
  BOUNDS,
  blockIdOf,
  chainIdOf,
  encodeTicket,
  type Genesis,
  type KeyPair,
  PROTOCOL_VERSION,
  SIGNED_DELTA_HEADER_BYTES
} from '@gradmesh/wire'
import { CapKeeper, type Caps, checkMemoryCap, collectGarbage, noCaps, tightCaps } from './caps/index.ts'
import type { Context } from './context.ts'
import { originOf } from './disk/start.ts'
import { openDoor } from './door.ts'
import type { Held } from './holding.ts'
import { Asking } from './inference/asking.ts'
import { type Closers, makeContext, type OpenedCompute, openCompute, openStores } from './opening.ts'
import { keptBlocks, type NodeOptions } from './options.ts'
import type { Ports } from './ports.ts'
import { Attesting } from './round/attesting.ts'
import { DeltaPool } from './round/delta-pool.ts'
import { Driver } from './round/driver.ts'
import { Evidences } from './round/evidences.ts'
import { gatherDeltas, recallDeltas } from './round/gathering.ts'
import { isOver, Proposer } from './round/proposing.ts'
import { keyRestored, Renewing } from './round/renewing.ts'
import { TransactionPool } from './round/transaction-pool.ts'
import { AGENT, type Outcome, type Running } from './running.ts'
import { type FinalChange, FinalPoint, Ledger } from './state/ledger.ts'
import type { StateHead } from './state/state-table.ts'
import { catchUp, gatherQuorum, keepRegistering, lookAround, tellFetching } from './sync/entering.ts'
import { greet } from './sync/greeting.ts'
import { invitingAddresses } from './sync/inviting.ts'
import { restoreFromDisk } from './sync/restoring.ts'
import { resumeVoting } from './sync/resuming.ts'
import { serveRequests } from './sync/serving.ts'
import { Syncing } from './sync/syncing.ts'
import { wakeUp } from './sync/waking.ts'
import { Journal, type Progress } from './telling/journal.ts'
import { agentWith, Labels } from './telling/labels.ts'
import { startPulse } from './telling/pulse.ts'
import { Reporting } from './telling/reporting.ts'
import { Training } from './training/training.ts'

const TICKET_SECONDS = 12 * 3600

/** What takes part in the mesh once the ledger is open. */
interface Parts {
  readonly ledger: Ledger
  readonly pool: DeltaPool
  readonly driver: Driver
  readonly attesting: Attesting
  readonly syncing: Syncing
  readonly training: Training
  readonly transactions: TransactionPool
  readonly evidences: Evidences
}

const blocks = (done: number, total: number): Progress => ({ done, total, unit: 'blocks' })

export class MeshPeer implements Running {
  readonly agent = AGENT
  readonly key: string
  readonly startedMs: number
  /** Of a plug-in only its opener knows it. */
  scoreName = 'score'
  readonly parameters: number
  readonly reporting: Reporting
  readonly journal = new Journal()
  /** Resolves when the last round is final; rejects when the peer had to stop. */
  readonly finished: Promise<Outcome>
  /** Undone in reverse order when the peer stops. */
  readonly closers: Closers = []
  adapter: AdapterInfo | null = null
  lastError: LastError | null = null
  isOnline = false
  onReachability: (reachability: Reachability) => void = () => {}

  readonly #ports: Ports
  readonly #options: NodeOptions
  readonly #keys: KeyPair
  readonly #genesis: Genesis
  readonly #genesisBytes: Uint8Array
  readonly #agent: string
  readonly #labels = new Labels()
  #context!: Context
  #parts: Parts | undefined
  #keeper: CapKeeper | undefined
  #renewing: Renewing | undefined
  #asking: Asking | undefined
  #stopRegistering: () => void = () => {}
  #stopping: Promise<void> | undefined
  /** Opening or starting, while it lasts. */
  #underway: Promise<void> = Promise.resolve()
  #resolve!: (outcome: Outcome) => void
  #reject!: (error: unknown) => void

  constructor(ports: Ports, options: NodeOptions, keys: KeyPair, genesis: Genesis, genesisBytes: Uint8Array) {
    this.#ports = ports
    this.startedMs = ports.clock.nowMs()
    this.#options = options
    this.#keys = keys
    this.#genesis = genesis
    this.#genesisBytes = genesisBytes
    this.key = toHex(keys.publicKey)
    this.#agent = agentWith(AGENT, options.label)
    this.#labels.put(this.key, options.label)
    if (genesis.task.digest === null) this.scoreName = openTask(genesis.task).scoreName
    this.parameters = genesis.tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
    const { clock, metrics } = ports
    this.reporting = new Reporting(clock, this.journal, metrics, this.key, genesis.training.batch)
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.finished.catch(() => {})
  }

  get trainingPause(): string | null {
    return this.#keeper?.pause ?? null
  }

  labelOf(key: string): string | null {
    return this.#labels.of(key)
  }

  get ledger(): Ledger | undefined {
    return this.#parts?.ledger
  }

  get asking(): Asking | undefined {
    return this.#asking
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

  /** What its parts keep because of what others sent; nothing while it starts. */
  held(): readonly Held[] {
    if (this.#parts === undefined || !this.isOnline) return []
    const { ledger, pool, driver, attesting, syncing, transactions, evidences } = this.#parts
    const extent = {
      trainers: ledger.final.accounts.trainers.length,
      seats: this.#context.epochs.running.seats.length,
      connections: this.#context.net.peers().length,
      slots: driver.slots,
      liveBlocks: ledger.liveBlocks().length
    }
    const counted = [driver, pool, attesting, ledger, syncing, transactions, evidences, this.#labels]
    return counted.flatMap(part => part.held(extent))
  }

  loopDelayMs(): number {
    return this.#ports.loopDelay.p99Ms()
  }

  ticket(): Ticket | null {
    if (this.ledger === undefined) return null
    const { final } = this.ledger
    const { addresses, reach } = invitingAddresses(this.#context.net.addresses())
    const expiresAt = Math.floor(this.#ports.clock.wallMs() / 1000) + TICKET_SECONDS
    const ticket = encodeTicket({
      protocol: PROTOCOL_VERSION,
      chainId: this.#context.chainId,
      addresses,
      height: final.height,
      blockId: final.header === null ? this.#context.chainId : blockIdOf(final.header),
      validatorSetHash: this.#context.epochs.running.setHash,
      expiresAt
    })
    return { ticket, addresses: [...addresses], reach, expiresAt }
  }

  /** What its parts are given, once it is open. */
  get context(): Context {
    return this.#context
  }

  /** Opens what it works with; from then on it can be looked at. */
  open(): Promise<void> {
    this.#underway = this.#open()
    return this.#underway
  }

  async #open(): Promise<void> {
    checkMemoryCap(this.#caps.memoryBytes, this.parameters)
    const { clock, metrics } = this.#ports
    const isRestored = (await this.#ports.restored?.isThere()) ?? false
    const stores = await openStores(this.#ports, this.#keys, this.#genesisBytes, this.closers)
    const state = this.#ports.openState(error => this.#fail(error))
    this.closers.push(() => state.close())
    this.#context = makeContext({
      ...stores,
      options: this.#options,
      keys: this.#keys,
      genesis: this.#genesis,
      genesisBytes: this.#genesisBytes,
      isRestored,
      net: await this.#ports.openNet(chainIdOf(this.#genesis), this.#keys),
      clock,
      metrics,
      state: state.call,
      fail: error => this.#fail(error)
    })
  }

  /** Takes up its ledger and goes online; catching up, voting and training then go on by themselves. */
  start(): Promise<void> {
    this.#underway = this.#start()
    return this.#underway
  }

  async #start(): Promise<void> {
    this.journal.enter('starting', 'opening the adapter')
    const computing = openCompute(this.#ports, this.#context, this.closers)
    // Whoever awaits it handles its failure; until then it must not count as unhandled.
    computing.catch(() => {})
    const head = await this.#openLedger()
    const compute = await computing
    this.#assertGoing()
    this.adapter = compute.adapter
    this.#parts = await this.#assemble(head, compute)
    for (const { key } of this.#context.net.peers()) this.#onConnect(key)
    void this.#begin(this.#parts).catch(error => this.#fail(error))
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#close()
    return this.#stopping
  }

  // ------------------------------------------------------------- starting, step by step

  /** The final state to go on from, with the network up. */
  async #openLedger(): Promise<StateHead> {
    const { net, state, chain, safety, epochs } = this.#context
    const head = await restoreFromDisk(
      chain,
      state,
      () => originOf(this.#genesis, this.#options.folder, this.#options.dataset),
      (height, target) => {
        this.#assertGoing()
        this.journal.enter('starting', `replaying block ${height} of ${target}`, blocks(height, target))
      }
    )
    if (head !== undefined) epochs.turn(head.accounts)
    serveRequests(
      this.#context,
      {
        ledger: () => this.ledger,
        driver: () => this.driver,
        pool: () => this.pool,
        onHello: (hello, from) => {
          this.#labels.heard(from, hello.agent)
          this.#parts?.syncing.heard(from, hello.height)
        }
      },
      this.#agent
    )
    openDoor(this.#context, () => this.#parts)
    net.onConnect(peer => this.#onConnect(peer))
    net.onDisconnect(peer => {
      this.reporting.disconnected(peer)
      this.#parts?.syncing.forget(peer)
      this.#parts?.pool.forget(peer)
      this.#parts?.attesting.consider()
    })
    net.onReachability(reachability => {
      this.#context.log.info({ ...reachability }, 'whether others can call this peer')
      this.onReachability(reachability)
    })
    this.#assertGoing()
    await net.start()
    this.isOnline = true
    this.closers.push(() => {
      this.isOnline = false
      return net.stop()
    })
    const isNew = (await safety.final()) === undefined
    // An archive wants all blocks, from the first.
    const isArchive = keptBlocks(this.#options) === null
    if (head !== undefined && (isArchive || head.height > 0 || (isNew && epochs.running.self !== null)))
      return head
    const adopted = await lookAround(this.#context, this.journal, this.#isStopping, head !== undefined)
    this.#assertGoing()
    if (adopted !== undefined) epochs.turn(adopted.head.accounts)
    return adopted?.head ?? head!
  }

  async #assemble(head: StateHead, compute: OpenedCompute): Promise<Parts> {
    const context = this.#context
    const { chain } = context
    const headBlock = head.height === 0 ? undefined : await chain.blockAt(head.height)
    const final = new FinalPoint(head, headBlock?.header ?? null)
    const evidences = new Evidences(context.chainId, context.genesis.epochs)
    const transactions = new TransactionPool(context)
    const pool = new DeltaPool(context, evidences, final)
    const checkpointed = (await chain.newestCheckpoint())?.height ?? 0
    const ledger = new Ledger(context, pool, final, head, checkpointed)
    const attesting = new Attesting(context, pool, final)
    const proposer = new Proposer(context, { ledger, pool, attesting, transactions, evidences })
    const syncing: Syncing = new Syncing(context, ledger, pool, () => driver)
    const driver = new Driver(context, {
      ledger,
      evidences,
      propose: (proposal, lapsed) => proposer.propose(proposal, lapsed),
      fetchBlock: id => syncing.fetchBlock(id),
      sync: () => syncing.wake(),
      resume: () => resumeVoting(context, ledger)
    })
    const { call, answering, samples, openDelta } = compute
    if (answering !== null) this.#asking = this.#askingWith(answering, ledger)
    const { restored } = this.#ports
    if (restored !== undefined && (await restored.isThere()))
      this.#renewing = new Renewing(context, { final: () => ledger.final, transactions, mark: restored })
    const isHeld = (): boolean => this.trainingPause !== null || this.#isRenewing
    const training = new Training(context, { compute: call, ledger, pool, samples, isHeld }, openDelta)
    const parts = { ledger, pool, driver, attesting, syncing, training, transactions, evidences }

    this.#keepCaps(parts, call)
    pool.onDelta = delta => {
      attesting.seen(delta.trainer)
      this.reporting.pending(delta)
      attesting.consider()
    }
    transactions.onTransaction = () => attesting.consider()
    attesting.isWorkWaiting = final =>
      transactions.forBlock(final).length > 0 || evidences.forBlock(final).length > 0
    attesting.onMissing = () => void gatherDeltas(context, pool).catch(error => this.#fail(error))
    ledger.onFinal = change => this.#onFinal(parts, change)
    driver.onFinality = milliseconds => this.reporting.finality(milliseconds)
    training.onTrained = stats => this.reporting.trained(stats)
    training.onEvaluated = evaluation => {
      this.reporting.evaluated(evaluation)
      this.#considerEnd(parts)
    }
    this.closers.push(async () => {
      this.#stopRegistering()
      this.#renewing?.stop()
      attesting.stop()
      await Promise.all([training.stop(), driver.stop(), syncing.stop(), ledger.stop()])
    })
    return parts
  }

  /** Catches up, waits for a quorum of a new mesh to gather, then votes, attests and trains. */
  async #begin(parts: Parts): Promise<void> {
    const context = this.#context
    const { ledger, pool, driver, attesting, syncing, training, transactions } = parts
    this.journal.enter('syncing', null)
    syncing.onFetching = tellFetching(this.journal)
    syncing.onProgress = progress => {
      if (progress === null) return
      const { height, target } = progress
      this.journal.enter('syncing', `block ${height} of ${target}`, blocks(height, target))
    }
    if (ledger.final.height === 0) await gatherQuorum(context, syncing, this.journal, this.#isStopping)
    const resumed = await catchUp(context, ledger, syncing, this.journal, this.#isStopping)
    if (resumed === undefined) return
    await this.#ports.checkTrust(context.chain, context.genesis)
    if (this.#isStopping()) return
    const { height, accounts } = ledger.final
    context.log.info({ height, round: accounts.round }, 'in step with the mesh')
    this.#judgeBandwidth(accounts.trainers.length)
    this.#ports.loopDelay.reset()
    this.reporting.begin(accounts.round)
    // When all is over there is nothing to vote on: a restart would only add empty blocks.
    if (!this.#isComplete(ledger)) driver.start(resumed)
    attesting.paused = false
    training.paused = false
    this.#renew()
    this.#settlePhase(ledger)
    await recallDeltas(context, pool)
    attesting.open()
    training.wake()
    syncing.wake()
    if (!this.#isStopping()) this.#stopRegistering = keepRegistering(context, ledger, transactions)
    this.#considerEnd(parts)
  }

  // ------------------------------------------------------------- running

  get #caps(): Caps {
    return this.#options.caps ?? noCaps
  }

  #keepCaps(parts: Parts, compute: OpenedCompute['call']): void {
    const { clock, log } = this.#context
    const keeper = new CapKeeper({
      caps: this.#caps,
      log,
      residentBytes: () => process.memoryUsage.rss(),
      shed: () => {
        parts.pool.shed()
        collectGarbage()
      },
      onChange: () => {
        if (keeper.isPausedFor('memory'))
          void compute.release(undefined).catch(error => log.debug({ error }, 'the adapter was not released'))
        this.#settlePhase(parts.ledger)
        parts.training.wake()
      }
    })
    this.#keeper = keeper
    keeper.tick(clock.nowMs(), clock.wallMs())
    const stopPulse = startPulse({
      clock,
      onBeat: () => keeper.tick(clock.nowMs(), clock.wallMs()),
      onWake: seconds => void this.#onWake(parts, seconds).catch(error => this.#fail(error))
    })
    this.closers.push(async () => stopPulse())
  }

  #askingWith(answering: NonNullable<OpenedCompute['answering']>, ledger: Ledger): Asking {
    const { clock, chainId, state } = this.#context
    const pause = (): string | null =>
      this.#keeper?.isPausedFor('memory') === true ? this.trainingPause : null
    return new Asking({ clock, chainId: toHex(chainId), answering, state, final: () => ledger.final, pause })
  }

  async #onWake(parts: Parts, seconds: number): Promise<void> {
    this.#context.log.info({ seconds }, 'was asleep, catching up')
    const context = this.#context
    const isStopping = this.#isStopping
    const { syncing } = parts
    await wakeUp({ context, syncing, journal: this.journal, agent: this.#agent, isStopping }, seconds)
    if (this.#isStopping()) return
    this.#settlePhase(parts.ledger)
    parts.training.wake()
  }

  /** A cap that is too low for this mesh is the operator's to know, with figures, before it is felt. */
  #judgeBandwidth(registered: number): void {
    const { deltasPerBlockMax } = BOUNDS
    const deltaBytes = SIGNED_DELTA_HEADER_BYTES + payloadBytesMax(layoutOf(this.#genesis))
    const size = { deltaBytes, trainers: Math.min(registered, deltasPerBlockMax) }
    for (const tight of tightCaps(this.#caps, size, this.#genesis.timing.roundDeadlineMs))
      this.#context.log.warn(
        { ...tight },
        'a cap on bandwidth is lower than a round of this mesh needs: deltas will come too late to count'
      )
  }

  #onConnect(peer: string): void {
    const address = this.#context.net.peers().find(({ key }) => key === peer)?.address ?? null
    this.reporting.connected(peer, address)
    const parts = this.#parts
    if (parts === undefined) return
    void greet(this.#context, peer, this.#agent).then(hello => {
      if (hello === undefined) return
      this.#labels.heard(peer, hello.agent)
      parts.syncing.heard(peer, hello.height)
    })
  }

  async #onFinal(parts: Parts, change: FinalChange): Promise<void> {
    this.reporting.final(change)
    await parts.training.settle(change)
    if (await this.#renewing?.see(change.blocks)) {
      this.#context.epochs.seat(this.#keys.publicKey)
      this.lastError = null
      parts.driver.renew()
    }
    parts.attesting.advance(change.after)
    this.#settlePhase(parts.ledger)
    parts.training.wake()
    this.#considerEnd(parts)
  }

  get #isRenewing(): boolean {
    return this.#renewing?.isPending ?? false
  }

  /** A key that came back from a backup asks for leave to sign, and its operator hears so. */
  #renew(): void {
    if (this.#renewing === undefined) return
    const wait = keyRestored()
    this.#context.log.warn({ code: wait.code }, wait.message)
    this.#tellError(wait)
    this.#renewing.ask()
  }

  #settlePhase(ledger: Ledger): void {
    if (this.journal.phase === 'finished' || this.#parts === undefined) return
    const trains = this.#options.train && ledger.final.isTrainer(this.key)
    const pause = this.#isRenewing
      ? 'its key came back from a backup and must not sign yet'
      : this.trainingPause
    const reason = trains ? pause : 'not registered as a trainer yet'
    this.journal.enter(reason === null ? 'training' : 'waiting', reason)
  }

  /** The last round is closed, and an empty block on top of it carries its root. */
  #isComplete(ledger: Ledger): boolean {
    const { header, accounts } = ledger.final
    return isOver(this.#context, ledger) && header !== null && header.round >= accounts.round
  }

  /** The run is over when it is complete and its last state has been measured here. */
  #considerEnd({ ledger, attesting, driver }: Parts): void {
    const { final } = ledger
    const { evaluation } = this.reporting
    if (this.journal.phase === 'finished' || !this.#isComplete(ledger)) return
    if (evaluation?.round !== final.accounts.round) return
    attesting.stop()
    this.journal.enter('finished')
    const { height, root, accounts } = final
    this.#resolve({ round: accounts.round, height, root: toHex(root), score: evaluation.score })
    // Votes of the slots to come would decide nothing; sync still serves whoever is behind.
    void driver.stop()
  }

  // ------------------------------------------------------------- stopping

  /** Between two steps of the start: whoever stops it waits for this. */
  #assertGoing(): void {
    if (this.#isStopping()) throw stopped()
  }

  readonly #isStopping = (): boolean => this.#stopping !== undefined

  #fail(error: unknown): void {
    if (this.#stopping !== undefined) return
    const mesh =
      error instanceof MeshError
        ? error
        : new MeshError('PEER_FAILED', error instanceof Error ? error.message : String(error), {
            cause: error
          })
    this.#tellError(mesh)
    this.#options.logger.error({ error, code: mesh.code }, 'the peer stops')
    this.journal.enter('stalled', mesh.message)
    this.#reject(mesh)
  }

  #tellError({ code, message, remedy }: MeshError): void {
    this.lastError = { code, message, remedy: remedy ?? null, at: this.#ports.clock.wallMs() }
  }

  async #close(): Promise<void> {
    this.#reject(stopped())
    // What is being opened is closed with the rest, once its opener has noticed.
    await this.#underway.catch(() => {})
    for (const close of this.closers.reverse()) {
      await close().catch(error => this.#options.logger.warn({ error }, 'a part did not close cleanly'))
    }
  }
}

const stopped = (): MeshError => new MeshError('PEER_STOPPED', 'the peer was stopped')
