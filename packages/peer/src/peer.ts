/**
 * The daemon: opens the folder, puts the parts together, and takes them apart again. How the parts
 * work together is told in docs/ARCHITECTURE.md; each of them is one file beside this one.
 */
import type { LastError, Ticket } from '@gradmesh/api'
import { leaderOf } from '@gradmesh/consensus'
import { type Clock, MeshError, systemClock, toHex } from '@gradmesh/core'
import type { AdapterInfo } from '@gradmesh/tensor'
import { taskById } from '@gradmesh/train'
import {
  BOUNDS,
  blockIdOf,
  encodeTicket,
  type Genesis,
  type KeyPair,
  PROTOCOL_VERSION,
  validatorSetHash
} from '@gradmesh/wire'
import { Attesting } from './attesting.ts'
import type { Context } from './context.ts'
import { DeltaPool } from './delta-pool.ts'
import { openDoor } from './door.ts'
import { Driver } from './driver.ts'
import { catchUp, gatherQuorum, keepRegistering, lookAround } from './entering.ts'
import { Evidences } from './evidences.ts'
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
import { type Closers, makeContext, type OpenedCompute, openCompute, openStores } from './opening.ts'
import type { NodeOptions } from './options.ts'
import { isOver, Proposer } from './proposing.ts'
import { Reporting } from './reporting.ts'
import { restoreFromDisk } from './restoring.ts'
import { AGENT, type Outcome, type Peer, type Running } from './running.ts'
import { serveRequests } from './serving.ts'
import type { StateHead, StateTable } from './state-worker.ts'
import { Syncing } from './syncing.ts'
import { Training } from './training.ts'
import { TransactionPool } from './transaction-pool.ts'
import { checkTrust } from './trust.ts'
import { viewOf } from './view.ts'
import { startWorker } from './worker-rpc.ts'

const TICKET_SECONDS = 12 * 3600

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
  const peer = new RunningPeer(systemClock, options, keys, genesis, bytes)
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

/** What takes part in the mesh once the ledger is open. */
interface Parts {
  readonly ledger: Ledger
  readonly pool: DeltaPool
  readonly driver: Driver
  readonly attesting: Attesting
  readonly syncing: Syncing
  readonly training: Training
  readonly transactions: TransactionPool
}

class RunningPeer implements Peer, Running {
  readonly agent = AGENT
  readonly key: string
  readonly startedMs: number
  readonly scoreName: string
  readonly parameters: number
  readonly reporting: Reporting
  readonly finished: Promise<Outcome>
  adapter: AdapterInfo | null = null
  lastError: LastError | null = null
  tokenFile: string | null = null
  isOnline = false

  readonly #clock: Clock
  readonly #options: NodeOptions
  readonly #keys: KeyPair
  readonly #genesis: Genesis
  readonly #genesisBytes: Uint8Array
  readonly #journal = new Journal()
  readonly #metrics = new PrometheusMetrics()
  readonly #loopDelay = new LoopDelay()
  readonly #closers: Closers = []
  #context!: Context
  #http: HttpServer | undefined
  #parts: Parts | undefined
  #stopRegistering: () => void = () => {}
  #stopping: Promise<void> | undefined
  #resolve!: (outcome: Outcome) => void
  #reject!: (error: unknown) => void

  constructor(clock: Clock, options: NodeOptions, keys: KeyPair, genesis: Genesis, genesisBytes: Uint8Array) {
    this.#clock = clock
    this.startedMs = clock.nowMs()
    this.#options = options
    this.#keys = keys
    this.#genesis = genesis
    this.#genesisBytes = genesisBytes
    this.key = toHex(keys.publicKey)
    this.scoreName = taskById(genesis.task.id).scoreName
    this.parameters = genesis.tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
    this.reporting = new Reporting(clock, this.#journal, this.#metrics, this.key, genesis.training.batch)
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

  get ledger(): Ledger | undefined {
    return this.#parts?.ledger
  }

  get driver(): Driver | undefined {
    return this.#parts?.driver
  }

  get pool(): DeltaPool | undefined {
    return this.#parts?.pool
  }

  leaderOf(slot: number): string | null {
    return toHex(this.#genesis.validators[leaderOf(this.#context.consensus, slot)]!.key)
  }

  loopDelayMs(): number {
    return this.#loopDelay.p99Ms()
  }

  ticket(): Ticket | null {
    if (this.ledger === undefined) return null
    const { final } = this.ledger
    const addresses = this.#context.net.addresses().slice(0, BOUNDS.ticketAddressesMax)
    const expiresAt = Math.floor(this.#clock.wallMs() / 1000) + TICKET_SECONDS
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
    const { folder } = this.#options
    const stores = await openStores(folder, this.#keys, this.#genesisBytes, this.#closers)
    const state = startWorker<StateTable>('state-worker', null, error => this.#fail(error))
    this.#closers.push(() => state.close())
    this.#context = await makeContext({
      ...stores,
      options: this.#options,
      keys: this.#keys,
      genesis: this.#genesis,
      genesisBytes: this.#genesisBytes,
      clock: this.#clock,
      metrics: this.#metrics,
      state: state.call,
      fail: error => this.#fail(error)
    })
    await this.#serveHttp(files)
    this.#journal.enter('starting', 'opening the adapter')
    const computing = openCompute(this.#context, this.#closers)
    // Whoever awaits it handles its failure; until then it must not count as unhandled.
    computing.catch(() => {})
    const head = await this.#openLedger()
    const compute = await computing
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

  /** The final state to go on from, with the network up. */
  async #openLedger(): Promise<StateHead> {
    const { net, state, chain, safety, validator } = this.#context
    const head = await restoreFromDisk(chain, state, (height, target) =>
      this.#journal.enter('starting', `replaying block ${height} of ${target}`)
    )
    serveRequests(
      this.#context,
      {
        ledger: () => this.ledger,
        driver: () => this.driver,
        pool: () => this.pool,
        onHello: (hello, from) => this.#parts?.syncing.heard(from, hello.height)
      },
      AGENT
    )
    openDoor(this.#context, () => this.#parts)
    net.onConnect(peer => this.#onConnect(peer))
    net.onDisconnect(peer => {
      this.reporting.disconnected(peer)
      this.#parts?.syncing.forget(peer)
      this.#parts?.attesting.consider()
    })
    await net.start()
    this.isOnline = true
    this.#closers.push(() => {
      this.isOnline = false
      return net.stop()
    })
    const isNew = (await safety.final()) === undefined
    if (head.height > 0 || (isNew && validator !== null)) return head
    return (await lookAround(this.#context, this.#journal, this.#isStopping)) ?? head
  }

  async #assemble(head: StateHead, compute: OpenedCompute): Promise<Parts> {
    const context = this.#context
    const { chain } = context
    const headBlock = head.height === 0 ? undefined : await chain.blockAt(head.height)
    const final = new FinalPoint(head, headBlock?.header ?? null)
    const evidences = new Evidences(context.chainId)
    const transactions = new TransactionPool(context)
    const pool = new DeltaPool(context, evidences, final)
    const checkpointed = (await chain.newestCheckpoint())?.height ?? 0
    const ledger = new Ledger(context, pool, final, head, checkpointed)
    const attesting = new Attesting(context, pool, final)
    const proposer = new Proposer(context, { ledger, pool, attesting, transactions, evidences })
    const syncing: Syncing = new Syncing(context, ledger, pool, () => driver)
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
    const { call, samples, openDelta } = compute
    const training = new Training(context, { compute: call, ledger, pool, samples }, openDelta)
    const parts = { ledger, pool, driver, attesting, syncing, training, transactions }

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
    this.#closers.push(async () => {
      this.#stopRegistering()
      attesting.stop()
      await Promise.all([training.stop(), driver.stop(), syncing.stop(), ledger.stop()])
    })
    return parts
  }

  /** Catches up, waits for a quorum of a new mesh to gather, then votes, attests and trains. */
  async #begin(parts: Parts): Promise<void> {
    const context = this.#context
    const { ledger, pool, driver, attesting, syncing, training, transactions } = parts
    this.#journal.enter('syncing', null)
    syncing.onProgress = progress => {
      if (progress !== null) this.#journal.enter('syncing', `block ${progress.height} of ${progress.target}`)
    }
    if (ledger.final.height === 0) await gatherQuorum(context, syncing, this.#journal, this.#isStopping)
    const resumed = await catchUp(context, ledger, syncing, this.#journal, this.#isStopping)
    if (resumed === undefined) return
    await checkTrust(this.#options.folder, context.chain)
    const { height, accounts } = ledger.final
    context.log.info({ height, round: accounts.round }, 'in step with the mesh')
    this.#loopDelay.reset()
    this.reporting.begin(accounts.round)
    // When all is over there is nothing to vote on: a restart would only add empty blocks.
    if (!this.#isComplete(ledger)) driver.start(resumed.restored, resumed.votes)
    attesting.paused = false
    training.paused = false
    this.#settlePhase(ledger)
    await recallDeltas(context, pool)
    attesting.open()
    training.wake()
    syncing.wake()
    if (!this.#isStopping()) this.#stopRegistering = keepRegistering(context, ledger, transactions)
    this.#considerEnd(parts)
  }

  // ------------------------------------------------------------- running

  #onConnect(peer: string): void {
    const address = this.#context.net.peers().find(({ key }) => key === peer)?.address ?? null
    this.reporting.connected(peer, address)
    const parts = this.#parts
    if (parts === undefined) return
    void greet(this.#context, peer, AGENT).then(hello => {
      if (hello !== undefined) parts.syncing.heard(peer, hello.height)
    })
  }

  async #onFinal(parts: Parts, change: FinalChange): Promise<void> {
    this.reporting.final(change)
    await parts.training.settle(change)
    parts.attesting.advance(change.after)
    this.#settlePhase(parts.ledger)
    parts.training.wake()
    this.#considerEnd(parts)
  }

  #settlePhase(ledger: Ledger): void {
    if (this.#journal.phase === 'finished' || this.#parts === undefined) return
    const trains = this.#options.train && ledger.final.isTrainer(this.key)
    this.#journal.enter(trains ? 'training' : 'waiting', trains ? null : 'not registered as a trainer yet')
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
    if (this.#journal.phase === 'finished' || !this.#isComplete(ledger)) return
    if (evaluation?.round !== final.accounts.round) return
    attesting.stop()
    this.#journal.enter('finished')
    const { height, root, accounts } = final
    this.#resolve({ round: accounts.round, height, root: toHex(root), score: evaluation.score })
    // Votes of the slots to come would decide nothing; sync still serves whoever is behind.
    void driver.stop()
  }

  // ------------------------------------------------------------- stopping

  readonly #isStopping = (): boolean => this.#stopping !== undefined

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
      at: this.#clock.wallMs()
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
