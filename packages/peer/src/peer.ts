/**
 * The daemon: opens the folder, puts the parts together, and takes them apart again. How the parts
 * work together is told in docs/ARCHITECTURE.md; each of them is one file beside this one.
 */
import type { LastError, Ticket } from '@gradmesh/api'
import { leaderOf } from '@gradmesh/consensus'
import { equalBytes, MeshError, systemClock, toHex } from '@gradmesh/core'
import { createLibp2pNet } from '@gradmesh/net/libp2p'
import { type ChainStore, createChain, openSafety, type SafetyStore } from '@gradmesh/store'
import { openLevelDb } from '@gradmesh/store/leveldb'
import type { AdapterInfo } from '@gradmesh/tensor'
import { taskById } from '@gradmesh/train'
import {
  BOUNDS,
  blockIdOf,
  chainIdOf,
  encodeTicket,
  encodeTransaction,
  type Genesis,
  type KeyPair,
  PROTOCOL_VERSION,
  signRegister,
  validatorSetHash
} from '@gradmesh/wire'
import { Attesting } from './attesting.ts'
import { BusyShare } from './busy-share.ts'
import type { ComputeTable } from './computing.ts'
import { consensusConfig } from './consensus-config.ts'
import type { Context } from './context.ts'
import { DeltaPool, type PooledDelta } from './delta-pool.ts'
import { openDoor } from './door.ts'
import { Driver } from './driver.ts'
import { Evidences } from './evidences.ts'
import { FaultCounter } from './faults.ts'
import { paths, readGenesis, readKey } from './folder.ts'
import { gatherDeltas, recallDeltas } from './gathering.ts'
import { greet } from './greeting.ts'
import {
  type Access,
  createHttpServer,
  ensureToken,
  type HttpServer,
  isLoopback,
  PrometheusMetrics,
  type StaticFiles
} from './http/index.ts'
import { Journal } from './journal.ts'
import { type FinalChange, FinalPoint, Ledger } from './ledger.ts'
import { LoopDelay } from './loop-delay.ts'
import type { NodeOptions } from './options.ts'
import { isOver, Proposer } from './proposing.ts'
import { fetchCheckpoint, restoreFromDisk } from './restoring.ts'
import { type Resumed, resumeVoting, storedError } from './resuming.ts'
import { serveRequests } from './serving.ts'
import type { StateHead, StateTable } from './state-worker.ts'
import { Syncing } from './syncing.ts'
import { Telling } from './telling.ts'
import { chainTag, topicsOf } from './topics.ts'
import { type Evaluation, Training, type TrainingStats } from './training.ts'
import { TransactionPool } from './transaction-pool.ts'
import { viewOf } from './view.ts'
import { startWorker, type WorkerThread } from './worker-rpc.ts'

export const AGENT = 'gradmesh/0.1.0'

/** How long a peer without a chain looks for others that are ahead before it starts from the genesis. */
const LOOK_AROUND_MS = 3000
/** How long the validators of a new mesh wait for a quorum of each other before the first round. */
const GATHER_MS = 60_000
const REGISTER_EVERY_MS = 3000
/** A thread that is ended inside the GPU runtime takes the whole process with it: only one that hangs is. */
const GPU_CLOSE_MS_MAX = 10_000
const RETRY_MS = 500
const TICKET_SECONDS = 12 * 3600
const RATE_WINDOW = 8

/** What the outside may know of a running peer; parts are undefined while it starts. */
export interface Running {
  readonly agent: string
  readonly startedMs: number
  readonly scoreName: string
  readonly parameters: number
  readonly ledger: Ledger | undefined
  readonly driver: Driver | undefined
  readonly pool: DeltaPool | undefined
  readonly adapter: AdapterInfo | null
  readonly lastError: LastError | null
  /** The network is up: what asks it gets an answer. */
  readonly isOnline: boolean
  /** Rounds that closed while this process took part. */
  readonly roundsSeen: number
  readonly stats: {
    readonly training: TrainingStats | null
    readonly evaluation: Evaluation | null
    samplesPerSecond(): number
  }
  leaderOf(slot: number): string | null
  /** Null while it starts. */
  ticket(): Ticket | null
  loopDelayMs(): number
  /** Of the last minute, from 0 to 1. */
  adapterBusy(): number
  sinceFinalMs(): number
}

export interface Outcome {
  readonly round: number
  readonly height: number
  readonly root: string
  readonly score: number | null
}

export interface Peer {
  readonly url: string
  /** Where the token lies that HTTP asks for; null when it asks for none. */
  readonly tokenFile: string | null
  readonly key: string
  readonly view: Running
  /** Resolves when the last round is final; rejects when the peer had to stop. */
  readonly finished: Promise<Outcome>
  ticket(): Ticket | null
  stop(): Promise<void>
}

/** @param files the page to serve at `/`, from `@gradmesh/dashboard`. */
export const startPeer = async (options: NodeOptions, files?: StaticFiles): Promise<Peer> => {
  const keys = await readKey(options.folder, {
    passphrase: options.passphrase,
    tell: message => options.logger.warn({}, message)
  })
  const { genesis, bytes } = await readGenesis(options.folder)
  if (genesis.privacy !== 'plain') {
    throw new MeshError(
      'GENESIS_UNSUPPORTED',
      'this mesh wants sealed deltas, which this release does not have',
      {
        remedy: 'Upgrade gradmesh, or join a mesh with plain deltas.'
      }
    )
  }
  assertTask(genesis)
  const peer = new RunningPeer(options, keys, genesis, bytes)
  try {
    await peer.start(files)
  } catch (error) {
    await peer.stop()
    throw error
  }
  return peer
}

/** What this release trains under that name has the tensors that the mesh agreed on. */
const assertTask = ({ task, tensors }: Genesis): void => {
  const known = taskById(task.id).tensors()
  const fits =
    known.length === tensors.length &&
    known.every(
      ({ name, shape }, i) => name === tensors[i]!.name && shape.join() === tensors[i]!.shape.join()
    )
  if (fits) return
  throw new MeshError('GENESIS_TASK', `the mesh's task "${task.id}" has other tensors than this release's`, {
    remedy: 'Install the release of gradmesh that the mesh runs.'
  })
}

class RunningPeer implements Peer, Running {
  readonly agent = AGENT
  readonly key: string
  readonly startedMs = systemClock.nowMs()
  readonly scoreName: string
  readonly parameters: number
  readonly finished: Promise<Outcome>
  ledger: Ledger | undefined
  driver: Driver | undefined
  pool: DeltaPool | undefined
  adapter: AdapterInfo | null = null
  lastError: LastError | null = null
  tokenFile: string | null = null
  isOnline = false

  readonly #options: NodeOptions
  readonly #keys: KeyPair
  readonly #genesis: Genesis
  readonly #genesisBytes: Uint8Array
  readonly #journal = new Journal()
  readonly #metrics = new PrometheusMetrics()
  readonly #loopDelay = new LoopDelay()
  readonly #busy = new BusyShare(systemClock)
  readonly #telling = new Telling(this.#metrics)
  readonly #recent: TrainingStats[] = []
  readonly #closers: (() => Promise<void>)[] = []
  #context!: Context
  #http: HttpServer | undefined
  #compute: WorkerThread<ComputeTable> | undefined
  #samples = 0
  #syncing: Syncing | undefined
  #training: Training | undefined
  #attesting: Attesting | undefined
  #evaluation: Evaluation | null = null
  #lastFinalMs = systemClock.nowMs()
  #registering: NodeJS.Timeout | undefined
  #stopping: Promise<void> | undefined
  #resolve!: (outcome: Outcome) => void
  #reject!: (error: unknown) => void

  constructor(options: NodeOptions, keys: KeyPair, genesis: Genesis, genesisBytes: Uint8Array) {
    this.#options = options
    this.#keys = keys
    this.#genesis = genesis
    this.#genesisBytes = genesisBytes
    this.key = toHex(keys.publicKey)
    this.scoreName = taskById(genesis.task.id).scoreName
    this.parameters = genesis.tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.finished.catch(() => {})
  }

  get url(): string {
    return this.#http?.url ?? ''
  }

  get view(): Running {
    return this
  }

  get stats(): Running['stats'] {
    return {
      training: this.#recent.at(-1) ?? null,
      evaluation: this.#evaluation,
      samplesPerSecond: () => {
        const seconds = this.#recent.reduce((sum, stats) => sum + stats.seconds, 0)
        return seconds === 0 ? 0 : this.#recent.reduce((sum, stats) => sum + stats.samples, 0) / seconds
      }
    }
  }

  get roundsSeen(): number {
    return (this.ledger?.final.accounts.round ?? 0) - this.#startRound
  }

  leaderOf(slot: number): string | null {
    return toHex(this.#genesis.validators[leaderOf(this.#context.consensus, slot)]!.key)
  }

  loopDelayMs(): number {
    return this.#loopDelay.p99Ms()
  }

  adapterBusy(): number {
    return this.#busy.share()
  }

  sinceFinalMs(): number {
    return systemClock.nowMs() - this.#lastFinalMs
  }

  ticket(): Ticket | null {
    if (this.ledger === undefined) return null
    const { final } = this.ledger
    const addresses = this.#context.net.addresses().slice(0, BOUNDS.ticketAddressesMax)
    const expiresAt = Math.floor(systemClock.wallMs() / 1000) + TICKET_SECONDS
    const ticket = encodeTicket({
      protocol: PROTOCOL_VERSION,
      chainId: this.#context.chainId,
      addresses,
      height: final.height,
      blockId: final.header === null ? this.#context.chainId : blockIdOf(final.header),
      validatorSetHash: validatorSetHash(this.#genesis.validators),
      expiresAt
    })
    return { ticket, addresses, expiresAt }
  }

  async start(files?: StaticFiles): Promise<void> {
    this.#closers.push(async () => this.#loopDelay.stop())
    const { safety, chain } = await this.#openStores()
    const state = startWorker<StateTable>('state-worker', null, error => this.#fail(error))
    this.#closers.push(() => state.close())
    await this.#makeContext(safety, chain, state.call)
    await this.#serveHttp(files)
    const computing = this.#openCompute(chain)
    // Whoever awaits it handles its failure; until then it must not count as unhandled.
    computing.catch(() => {})
    const head = await this.#openLedger(chain)
    const open = await computing
    await this.#assemble(head, chain, open)
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#close()
    return this.#stopping
  }

  // ------------------------------------------------------------- starting, step by step

  async #openStores(): Promise<{ safety: SafetyStore; chain: ChainStore }> {
    const { safety: safetyPath, chain: chainPath } = paths(this.#options.folder)
    const safety = await openSafety(safetyPath)
    this.#closers.push(() => safety.close())
    if (!equalBytes(safety.key, this.#keys.publicKey)) {
      throw new MeshError(
        'SAFETY_OTHER_KEY',
        `${safetyPath} holds the votes of another key than the folder's`,
        {
          remedy:
            'Put the `key` back that belongs to this `safety/`. Without its own record a key could contradict what it has signed.',
          data: { key: this.key, safety: toHex(safety.key) }
        }
      )
    }
    const database = await openLevelDb(chainPath, { create: true })
    this.#closers.push(() => database.close())
    const chain = await createChain(database, this.#genesisBytes)
    const seen = await safety.final()
    // An empty chain is fetched anew, and nothing is signed before it has come as far as this key has seen.
    if (seen !== undefined && chain.head().height > 0 && seen.height > chain.head().height) {
      throw new MeshError(
        'CHAIN_BELOW_SAFETY',
        `chain/ ends at height ${chain.head().height}, but this key has seen height ${seen.height} become final`,
        {
          remedy:
            'chain/ was rolled back or damaged. Move it away (keep `key` and `safety/`) and start again: it is fetched from the mesh.',
          data: { head: chain.head().height, seen: seen.height }
        }
      )
    }
    return { safety, chain }
  }

  async #makeContext(safety: SafetyStore, chain: ChainStore, state: Context['state']): Promise<void> {
    const options = this.#options
    const genesis = this.#genesis
    const chainId = chainIdOf(genesis)
    const net = await createLibp2pNet({
      secretKey: this.#keys.secretKey,
      listen: [...options.listen],
      bootstrap: [...options.bootstrap],
      mdns: options.mdns,
      chainTag: chainTag(chainId),
      logger: options.logger.child({ part: 'net' }),
      metrics: this.#metrics
    })
    const validator = genesis.validators.findIndex(({ key }) => toHex(key) === this.key)
    this.#context = {
      genesis,
      genesisBytes: this.#genesisBytes,
      chainId,
      topics: topicsOf(chainId),
      keys: this.#keys,
      self: this.key,
      validator: validator < 0 ? null : validator,
      consensus: consensusConfig(genesis, validator < 0 ? null : validator),
      validatorKeys: genesis.validators.map(({ key }) => key),
      totalStake: genesis.validators.reduce((sum, { stake }) => sum + stake, 0n),
      options,
      clock: systemClock,
      log: options.logger,
      metrics: this.#metrics,
      faults: new FaultCounter(this.#metrics),
      net,
      chain,
      safety,
      state,
      fail: error => this.#fail(error)
    }
  }

  async #serveHttp(files?: StaticFiles): Promise<void> {
    const { http, logger } = this.#options
    const access = await this.#access()
    this.#http = await createHttpServer({
      host: http.host,
      port: http.port,
      hostNames: http.names ?? [],
      view: viewOf(this.#context, () => this, this.#journal),
      metrics: this.#metrics,
      logger: logger.child({ part: 'http' }),
      ...(access === undefined ? {} : { access }),
      ...(files === undefined ? {} : { files })
    })
    this.#closers.push(() => this.#http!.close())
  }

  async #access(): Promise<Access | undefined> {
    const { folder, http, logger } = this.#options
    if (isLoopback(http.host) && (http.tokenFile ?? null) === null) return undefined
    const path = http.tokenFile ?? paths(folder).httpToken
    this.tokenFile = path
    const token = await ensureToken(path, message => logger.warn({}, message))
    const openReads = http.openReads ?? false
    logger.info({ tokenFile: path, openReads }, 'HTTP demands the bearer token')
    return { token, openReads }
  }

  /** Opens the adapter and answers which delta, if any, still waits for the ledger's word. */
  async #openCompute(chain: ChainStore): Promise<{ round: number; digest: string } | null> {
    const { adapter } = this.#options
    const { task, seed, delta, training } = this.#genesis
    const stored = await storedError(chain)
    this.#journal.enter('starting', 'opening the adapter')
    this.#compute = startWorker<ComputeTable>('compute-worker', null, error => this.#fail(error))
    const compute = this.#compute
    this.#closers.push(async () => {
      await settleWithin(GPU_CLOSE_MS_MAX, compute.call.close(undefined))
      await compute.close()
    })
    const opened = await compute.call.open({
      taskId: task.id,
      seed,
      adapter,
      batch: training.batch,
      chunk: delta.chunk,
      keep: delta.keep,
      decayQ8: delta.errorDecayQ8,
      stored: stored?.buffer ?? null
    })
    this.adapter = opened.adapter
    this.#samples = opened.samples
    this.#options.logger.info(
      { adapter: opened.adapter.name, software: opened.adapter.software },
      'the adapter is ready'
    )
    return stored?.buffer.accepted === null ? { round: stored.round, digest: stored.digest } : null
  }

  /** The final state to go on from, with the network up. */
  async #openLedger(chain: ChainStore): Promise<StateHead> {
    const { net, state } = this.#context
    const head = await restoreFromDisk(chain, state, (height, target) =>
      this.#journal.enter('starting', `replaying block ${height} of ${target}`)
    )
    serveRequests(
      this.#context,
      {
        ledger: () => this.ledger,
        driver: () => this.driver,
        pool: () => this.pool,
        onHello: (hello, from) => this.#syncing?.heard(from, hello.height)
      },
      AGENT
    )
    openDoor(this.#context, () =>
      this.ledger !== undefined &&
      this.driver !== undefined &&
      this.pool !== undefined &&
      this.#attesting !== undefined
        ? {
            ledger: this.ledger,
            driver: this.driver,
            pool: this.pool,
            attesting: this.#attesting,
            transactions: this.#transactions!
          }
        : undefined
    )
    net.onConnect(peer => this.#onConnect(peer))
    net.onDisconnect(peer => {
      this.#syncing?.forget(peer)
      this.#journal.tell({ type: 'peer', change: 'disconnected', key: peer, address: null })
      this.#attesting?.consider()
    })
    await net.start()
    this.isOnline = true
    this.#closers.push(() => {
      this.isOnline = false
      return net.stop()
    })
    const isNew = (await this.#context.safety.final()) === undefined
    if (head.height > 0 || (isNew && this.#context.validator !== null)) return head
    return (await this.#lookAround()) ?? head
  }

  /** A newcomer: if others have a checkpoint, start there instead of at the genesis. */
  async #lookAround(): Promise<StateHead | undefined> {
    this.#journal.enter('syncing', 'looking for peers that are ahead')
    const { net } = this.#context
    const until = systemClock.nowMs() + LOOK_AROUND_MS
    while (systemClock.nowMs() < until && net.peers().length === 0) await pause(50)
    return fetchCheckpoint(
      this.#context,
      net.peers().map(peer => peer.key)
    )
  }

  #transactions: TransactionPool | undefined

  async #assemble(
    head: StateHead,
    chain: ChainStore,
    openDelta: { round: number; digest: string } | null
  ): Promise<void> {
    const context = this.#context
    const headBlock = head.height === 0 ? undefined : await chain.blockAt(head.height)
    const final = new FinalPoint(head, headBlock?.header ?? null)
    const evidences = new Evidences(context.chainId)
    const transactions = new TransactionPool(context)
    const pool = new DeltaPool(context, evidences, final)
    const checkpointed = (await chain.newestCheckpoint())?.height ?? 0
    const ledger = new Ledger(context, pool, final, head, checkpointed)
    const attesting = new Attesting(context, pool, final)
    const proposer = new Proposer(context, { ledger, pool, attesting, transactions, evidences })
    const syncing = new Syncing(context, ledger, pool, () => this.driver!)
    const driver = new Driver(
      context,
      {
        ledger,
        evidences,
        propose: (proposal, lapsed) => proposer.propose(proposal, lapsed),
        fetchBlock: id => syncing.fetchBlock(id),
        sync: () => syncing.wake()
      },
      context.consensus
    )
    const training = new Training(
      context,
      { compute: this.#compute!.call, ledger, pool, samples: this.#samples },
      openDelta
    )
    Object.assign(this, { ledger, driver, pool })
    this.#transactions = transactions
    this.#attesting = attesting
    this.#syncing = syncing
    this.#training = training

    pool.onDelta = delta => {
      attesting.seen(delta.trainer)
      this.#journal.tell({
        type: 'delta',
        digest: delta.digest,
        trainer: delta.trainer,
        own: delta.trainer === this.key,
        round: delta.round,
        outcome: 'pending',
        bytes: delta.bytes.length,
        code: null
      })
      attesting.consider()
    }
    attesting.onMissing = () => void gatherDeltas(context, pool).catch(error => this.#fail(error))
    ledger.onFinal = change => this.#onFinal(change)
    driver.onFinality = milliseconds => {
      this.#finalityMs = milliseconds
      context.metrics.observe('gradmesh_finality_seconds', milliseconds / 1000)
    }
    training.onTrained = stats => {
      this.#recent.push(stats)
      this.#busy.worked(stats.seconds)
      this.#telling.trained(stats.seconds, stats.deltaBytes)
      if (this.#recent.length > RATE_WINDOW) this.#recent.shift()
    }
    training.onEvaluated = evaluation => {
      this.#evaluation = evaluation
      if (evaluation.round === this.#genesis.end.rounds) this.#considerEnd()
    }
    this.#closers.push(async () => {
      clearTimeout(this.#registering)
      attesting.stop()
      await Promise.all([training.stop(), driver.stop(), syncing.stop(), ledger.stop()])
    })
    for (const { key } of context.net.peers()) this.#onConnect(key)
    void this.#begin().catch(error => this.#fail(error))
  }

  /** Catches up, waits for a quorum of a new mesh to gather, then votes, attests and trains. */
  async #begin(): Promise<void> {
    const { log } = this.#context
    const ledger = this.ledger!
    this.#journal.enter('syncing', null)
    this.#syncing!.onProgress = progress => {
      if (progress !== null) this.#journal.enter('syncing', `block ${progress.height} of ${progress.target}`)
    }
    if (ledger.final.height === 0) await this.#gather()
    const resumed = await this.#catchUp()
    if (resumed === undefined) return
    log.info({ height: ledger.final.height, round: ledger.final.accounts.round }, 'in step with the mesh')
    this.#loopDelay.reset()
    this.#startRound = ledger.final.accounts.round
    // When all is over there is nothing to vote on: a restart would only add empty blocks.
    if (!this.#isComplete) this.driver!.start(resumed.restored, resumed.votes)
    this.#attesting!.paused = false
    this.#training!.paused = false
    this.#settlePhase()
    await recallDeltas(this.#context, this.pool!)
    this.#attesting!.open()
    this.#training!.wake()
    this.#syncing!.wake()
    this.#register()
    this.#considerEnd()
  }

  /** Takes over what the others have made final meanwhile. Undefined when the peer was stopped. */
  async #catchUp(): Promise<Resumed | undefined> {
    const { net, genesis, validator, safety } = this.#context
    const isAlone = genesis.validators.length === 1 && validator !== null
    const until = systemClock.nowMs() + (isAlone ? 0 : LOOK_AROUND_MS)
    while (this.#stopping === undefined && systemClock.nowMs() < until && net.peers().length === 0)
      await pause(50)
    const seen = (await safety.final())?.height ?? 0
    while (this.#stopping === undefined) {
      this.#syncing!.wake()
      await this.#syncing!.settled()
      const { height } = this.ledger!.final
      const resumed = height < seen ? undefined : await resumeVoting(this.#context, this.ledger!)
      if (resumed !== undefined) return this.#stopping === undefined ? resumed : undefined
      const wanted = height < seen ? `block ${seen}, which this key has seen final` : `block ${height + 1}`
      this.#journal.enter('syncing', `at block ${height}, waiting for ${wanted}`)
      await pause(RETRY_MS)
    }
    return undefined
  }

  async #gather(): Promise<void> {
    const { genesis, validator, net, totalStake } = this.#context
    if (validator === null) return
    const until = systemClock.nowMs() + GATHER_MS
    while (this.#stopping === undefined && systemClock.nowMs() < until) {
      const present = new Set([this.key, ...net.peers().map(peer => peer.key)])
      const here = genesis.validators.filter(({ key }) => present.has(toHex(key)))
      const stake = here.reduce((sum, { stake }) => sum + stake, 0n)
      this.#journal.enter(
        'waiting',
        `${here.length} of ${genesis.validators.length} validators are connected`
      )
      if (stake === totalStake || this.#syncing!.target > 0) return
      if (3n * stake > 2n * totalStake && systemClock.nowMs() > until - GATHER_MS + LOOK_AROUND_MS) return
      await pause(50)
    }
  }

  /** A peer with work to offer and no entry in the registry asks for one until it has it. */
  #register(): void {
    const { net, topics, keys, chainId, options, self } = this.#context
    const { final } = this.ledger!
    if (!options.train || final.isTrainer(self) || isOver(this.#context, this.ledger!)) return
    const bytes = encodeTransaction(
      signRegister({ key: keys.publicKey, label: options.label }, chainId, keys)
    )
    this.#transactions!.offer(bytes, final)
    void net.publish(topics.transactions.name, bytes)
    this.#registering = setTimeout(() => this.#register(), REGISTER_EVERY_MS)
  }

  // ------------------------------------------------------------- running

  #finalityMs: number | null = null
  #startRound = 0

  #onConnect(peer: string): void {
    const address = this.#context.net.peers().find(({ key }) => key === peer)?.address ?? null
    this.#journal.tell({ type: 'peer', change: 'connected', key: peer, address })
    if (this.#syncing === undefined) return
    void greet(this.#context, peer, AGENT).then(hello => {
      if (hello !== undefined) this.#syncing?.heard(peer, hello.height)
    })
  }

  async #onFinal(change: FinalChange): Promise<void> {
    const { after, blocks, receipts } = change
    this.#lastFinalMs = systemClock.nowMs()
    for (const block of blocks) this.#tellFinal(change, block)
    for (const delta of change.refused) this.#tellRefused(delta, after.height)
    const closed = blocks.filter(block => block.body.attests.length > 0)
    this.#context.metrics.gauge('gradmesh_height', after.height)
    this.#context.metrics.gauge('gradmesh_round', after.accounts.round)
    await this.#training!.settle(change)
    this.#attesting!.advance(after)
    for (const _ of closed) this.#telling.round()
    if (closed.length > 0) {
      this.#journal.tell({
        type: 'round',
        round: after.accounts.round - 1,
        height: after.height,
        loss: this.#recent.at(-1)?.loss ?? null,
        score: this.#evaluation?.score ?? null,
        deltas: receipts.length,
        samples: receipts.reduce((sum, { steps }) => sum + steps, 0) * this.#genesis.training.batch,
        stateRoot: toHex(after.root),
        at: systemClock.wallMs()
      })
    }
    this.#settlePhase()
    this.#training!.wake()
    this.#considerEnd()
  }

  #tellFinal({ receipts }: FinalChange, block: FinalChange['blocks'][number]): void {
    const { header, body } = block
    const finalityMs = this.#finalityMs
    this.#finalityMs = null
    if (finalityMs !== null) this.#journal.finality(header.height, finalityMs)
    const { height, slot, round } = header
    this.#journal.tell({
      type: 'final',
      height,
      slot,
      id: toHex(blockIdOf(header)),
      round,
      empty: body.attests.length === 0,
      deltas: body.deltas.length,
      finalityMs
    })
    for (const receipt of receipts.filter(receipt => receipt.height === height)) {
      const own = toHex(receipt.key) === this.key
      this.#telling.delta('accepted', own, this.#sinceStartSeconds())
      this.#journal.tell({
        type: 'delta',
        digest: toHex(receipt.digest),
        trainer: toHex(receipt.key),
        own,
        round,
        outcome: 'accepted',
        bytes: null,
        code: null
      })
    }
  }

  #tellRefused({ digest, trainer, round, signed }: PooledDelta, height: number): void {
    const code = 'DELTA_NOT_NAMED'
    const { steps, payloadBytes } = signed.header
    this.#journal.refuse({ digest, trainer, round, height, steps, payloadBytes, code })
    const own = trainer === this.key
    this.#telling.delta('refused', own, this.#sinceStartSeconds())
    this.#journal.tell({
      type: 'delta',
      digest,
      trainer,
      own,
      round,
      outcome: 'refused',
      bytes: payloadBytes,
      code
    })
  }

  #sinceStartSeconds(): number {
    return (systemClock.nowMs() - this.startedMs) / 1000
  }

  #settlePhase(): void {
    if (this.#journal.phase === 'finished' || this.driver === undefined) return
    const trains = this.#options.train && this.ledger!.final.isTrainer(this.key)
    this.#journal.enter(trains ? 'training' : 'waiting', trains ? null : 'not registered as a trainer yet')
  }

  /** The last round is closed, and an empty block on top of it carries its root. */
  get #isComplete(): boolean {
    const { header, accounts } = this.ledger!.final
    return isOver(this.#context, this.ledger!) && header !== null && header.round >= accounts.round
  }

  /** The run is over when the last round is closed, committed to by an empty block, and measured here. */
  #considerEnd(): void {
    const { final } = this.ledger!
    if (this.#journal.phase === 'finished' || !this.#isComplete) return
    if (this.#evaluation?.round !== final.accounts.round) return
    this.#attesting!.stop()
    this.#journal.enter('finished')
    this.#resolve({
      round: final.accounts.round,
      height: final.height,
      root: toHex(final.root),
      score: this.#evaluation.score
    })
    // Votes of the slots to come would decide nothing; sync still serves whoever is behind.
    void this.driver!.stop()
  }

  // ------------------------------------------------------------- stopping

  #fail(error: unknown): void {
    if (this.#stopping !== undefined) return
    const mesh =
      error instanceof MeshError
        ? error
        : new MeshError('PEER_FAILED', error instanceof Error ? error.message : String(error), {
            cause: error
          })
    this.lastError = {
      code: mesh.code,
      message: mesh.message,
      remedy: mesh.remedy ?? null,
      at: systemClock.wallMs()
    }
    this.#options.logger.error({ error, code: mesh.code }, 'the peer stops')
    this.#journal.enter('stalled', mesh.message)
    this.#reject(mesh)
  }

  async #close(): Promise<void> {
    this.#reject(new MeshError('PEER_STOPPED', 'the peer was stopped'))
    for (const close of this.#closers.reverse()) {
      await close().catch(error => this.#options.logger.warn({ error }, 'a part did not close cleanly'))
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const settleWithin = async (timeMs: number, work: Promise<unknown>): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, timeMs)
  })
  await Promise.race([work.catch(() => {}), late])
  clearTimeout(timer)
}
