/** Answers of the HTTP API out of what the parts of a running peer know. */
import type {
  Block as ApiBlock,
  Receipt as ApiReceipt,
  BlockSummary,
  Blocks,
  Peers,
  Quorum,
  Stakes,
  Status
} from '@gradmesh/api'
import { cleanLabel, isFault, remember, toHex } from '@gradmesh/core'
import { type Due, sumOf } from '@gradmesh/ledger'
import type { Reachability } from '@gradmesh/net'
import {
  accusedOf,
  type Block,
  bitmapIndices,
  blockIdOf,
  decodeSignedDelta,
  encodeBlock,
  PROTOCOL_VERSION,
  transactionId
} from '@gradmesh/wire'
import { type Caps, hoursText, noCaps } from '../caps/index.ts'
import { type Context, digestOf } from '../context.ts'
import type { HealthReport, PeerView } from '../http/index.ts'
import type { DeltaPool } from '../round/delta-pool.ts'
import type { Running } from '../running.ts'
import type { FinalPoint } from '../state/ledger.ts'
import { recallEpoch } from '../sync/sets-proofs.ts'
import { DiskUse } from './disk-use.ts'
import type { Journal } from './journal.ts'
import { lostQuorum } from './quorum.ts'
import { submit } from './submitting.ts'

/** Without a new final block for so long a peer that should be moving is unhealthy. */
const STALLED_MS = 60_000
const SUMMARIES_MAX = 256

export const viewOf = (context: Context, running: () => Running, journal: Journal): PeerView => {
  const diskUse = new DiskUse(context)
  const { chain } = context
  /** What was registered comes before what is said. */
  const labels = (final: FinalPoint | undefined): ((key: string) => string | null) => {
    const trainers = final?.accounts.trainers ?? []
    const registered = new Map(trainers.map(({ key, label }) => [toHex(key), cleanLabel(label)]))
    return key => registered.get(key) || running().labelOf(key)
  }

  /** Final blocks never change, and many who watch ask for the newest. */
  const summaries = new Map<number, BlockSummary>()
  const summaryAt = async (height: number): Promise<BlockSummary | undefined> => {
    const known = summaries.get(height)
    if (known !== undefined) return known
    const block = await chain.blockAt(height)
    if (block === undefined) return undefined
    const made = summary(block, await leaderOf(block.header))
    // The newest may still learn how long its finality took.
    if (height === running().ledger?.final.height) return made
    remember(summaries, height, made, SUMMARIES_MAX)
    return made
  }

  const summary = (block: Block, leader: string | null): BlockSummary => ({
    height: block.header.height,
    slot: block.header.slot,
    epoch: block.header.epoch,
    id: toHex(blockIdOf(block.header)),
    parentId: toHex(block.header.parentId),
    round: block.header.round,
    empty: block.body.attests.length === 0,
    leader,
    deltas: block.body.deltas.length,
    attests: block.body.attests.length,
    evidence: block.body.evidence.length,
    bytes: encodeBlock(block).length,
    finalityMs: journal.finalityOf(block.header.height)
  })
  const leaderOf = async ({ epoch, slot }: Block['header']): Promise<string | null> => {
    const known = await recallEpoch(context, epoch)
    return known === undefined ? null : toHex(known.leaderKey(slot))
  }

  return {
    status: () => statusOf(context, running(), journal, diskUse.latest()),

    peers(): Peers {
      const labelOf = labels(running().ledger?.final)
      const connected = running().isOnline ? context.net.peers() : []
      return { peers: connected.map(peer => ({ ...peer, label: labelOf(peer.key) })) }
    },

    async blocks(from, limit): Promise<Blocks> {
      const head = running().ledger?.final.height ?? chain.head().height
      const start = Math.min(from ?? head, head)
      const blocks: BlockSummary[] = []
      let height = start
      for (; height > 0 && blocks.length < limit; height--) {
        const block = await summaryAt(height)
        if (block === undefined) break
        blocks.push(block)
      }
      return { head, blocks, next: height > 0 && blocks.length === limit ? height : null }
    },

    async block(height): Promise<ApiBlock | null> {
      const block = height > 0 ? await chain.blockAt(height) : undefined
      if (block === undefined) return null
      const { header, body } = block
      const certificate = await chain.finalCertificateFor(height)
      const signers = certificate && (await recallEpoch(context, certificate.epoch))
      const trainers = running().ledger?.final.accounts.trainers ?? []
      const keyOfTrainer = (index: number): string => toHex(trainers[index]?.key ?? new Uint8Array(32))
      return {
        ...summary(block, await leaderOf(header)),
        protocol: header.protocol,
        parentSlot: header.parentSlot,
        parentStateRoot: toHex(header.stateRoot),
        parentTranscriptRoot: toHex(header.transcriptRoot),
        validatorSetHash: toHex(header.validatorSetHash),
        rulesHash: toHex(header.rulesHash),
        bodyHash: toHex(header.bodyHash),
        namedDeltas: body.deltas.map(({ trainer, digest }) => ({
          trainer: keyOfTrainer(trainer),
          digest: toHex(digest)
        })),
        transactions: body.txs.map(tx => ({
          kind: tx.kind,
          key: toHex(tx.key),
          id: toHex(transactionId(tx))
        })),
        misbehaviour: body.evidence.map(evidence => ({
          kind: evidence.kind,
          key: toHex(accusedOf(evidence))
        })),
        certificate:
          certificate === undefined
            ? null
            : {
                slot: certificate.slot,
                signers: bitmapIndices(certificate.bitmap).map(index =>
                  toHex(signers?.keys[index] ?? new Uint8Array(32))
                )
              }
      }
    },

    stakes(): Stakes {
      const final = running().ledger?.final
      if (final === undefined)
        return { height: 0, epoch: 0, validators: [], trainers: [], minted: '0', burnt: '0' }
      const labelOf = labels(final)
      const { epoch, next, trainers, minted, burnt } = final.accounts
      const nextStakes = new Map(next.seats.map(({ trainer, stake }) => [trainer, stake]))
      return {
        height: final.height,
        epoch,
        validators: final.accounts.running.seats.map(({ key, stake, trainer }) => ({
          key: toHex(key),
          label: labelOf(toHex(key)),
          stake: String(stake),
          nextStake: String(nextStakes.get(trainer) ?? 0n),
          slashed: String(trainers[trainer]!.slashed)
        })),
        trainers: trainers.map(({ key, since, accepted, lastRound, ...money }) => ({
          key: toHex(key),
          label: labelOf(toHex(key)) ?? '',
          since,
          accepted,
          lastRound: lastRound < 0 ? null : lastRound,
          nonce: money.nonce,
          balance: String(money.balance),
          bond: String(money.bond),
          leaving: String(money.leaving),
          vesting: duesOf(money.vesting),
          unbonding: duesOf(money.unbonding)
        })),
        minted: String(minted),
        burnt: String(burnt)
      }
    },

    async submit(transaction) {
      const { ledger, transactions } = running()
      if (ledger === undefined || transactions === undefined) return null
      return submit(context, { ledger, transactions }, transaction)
    },

    delta: digest => receiptOf(context, running().pool, journal, digest),
    model: () => running().asking ?? null,
    ticket: () => running().ticket(),
    subscribe: listener => journal.subscribe(listener),
    healthy: () => healthOf(context, running(), journal)
  }
}

const statusOf = (
  context: Context,
  running: Running,
  journal: Journal,
  diskBytes: Status['diskBytes']
): Status => {
  const { genesis, options, chain, net } = context
  const final = running.ledger?.final
  const mine = final?.trainerIndex(context.self)
  const account = mine === undefined ? undefined : final?.accounts.trainers[mine]
  const { training, evaluation } = running.reporting
  const quorum = quorumOf(context, running)
  const traffic = running.isOnline ? net.traffic() : { bytesSent: 0, bytesReceived: 0 }
  return {
    protocol: PROTOCOL_VERSION,
    agent: running.agent,
    chainId: toHex(context.chainId),
    network: genesis.name,
    task: genesis.task.id,
    key: context.self,
    label: running.labelOf(context.self),
    role: context.epochs.running.self !== null ? 'validator' : mine !== undefined ? 'trainer' : 'follower',
    addresses: running.isOnline ? [...net.addresses()] : [],
    reachability: running.isOnline ? reachabilityOf(net.reachability()) : null,
    height: final?.height ?? chain.head().height,
    round: final?.accounts.round ?? 0,
    roundsTotal: genesis.end.rounds,
    slot: running.driver?.frontier ?? 0,
    phase: quorum === null ? journal.phase : 'stalled',
    phaseReason: quorum?.detail ?? journal.phaseReason,
    progress: journal.progress,
    quorum,
    stateRoot: toHex(final?.root ?? new Uint8Array(32)),
    loss: evaluation?.loss ?? training?.loss ?? null,
    score: evaluation?.score ?? null,
    scoreName: running.scoreName,
    peers: running.isOnline ? net.peers().length : 0,
    finalityMs: journal.finalitySummary(),
    samplesPerSecond: running.reporting.samplesPerSecond(),
    bytes: {
      deltaBytesPerRound: training?.deltaBytes ?? null,
      denseBytesPerRound: 4 * running.parameters,
      consensusBytesPerRound: consensusBytesPerRound(context, running.reporting.roundsSeen),
      sent: traffic.bytesSent,
      received: traffic.bytesReceived
    },
    adapter:
      running.adapter === null ? null : { name: running.adapter.name, software: running.adapter.software },
    steps: training === null ? null : { done: training.steps, max: training.stepsMax },
    caps: capsOf(options.caps ?? noCaps, running.trainingPause),
    residentBytes: process.memoryUsage.rss(),
    diskBytes,
    stake: String(account?.bond ?? 0n),
    reward: String(account === undefined ? 0n : account.balance + sumOf(account.vesting)),
    uptimeSeconds: (context.clock.nowMs() - running.startedMs) / 1000,
    adapterBusy: running.adapter === null ? null : running.reporting.adapterBusy(),
    loopDelayMs: running.loopDelayMs(),
    lastError: running.lastError
  }
}

const quorumOf = (context: Context, running: Running): Quorum | null => {
  const { trainers = [] } = running.ledger?.final.accounts ?? {}
  return lostQuorum({
    epoch: context.epochs.running,
    driver: running.driver,
    nowMs: context.clock.nowMs(),
    sinceFinalMs: running.reporting.sinceFinalMs(),
    labelOf: key =>
      cleanLabel(trainers.find(trainer => toHex(trainer.key) === key)?.label ?? '') || running.labelOf(key)
  })
}

const capsOf = ({ hours, ...caps }: Caps, pause: string | null): Status['caps'] => ({
  ...caps,
  hours: hours.length === 0 ? null : hoursText(hours),
  pause
})

const reachabilityOf = ({ relays, ...rest }: Reachability): Status['reachability'] => ({
  ...rest,
  relays: [...relays]
})

/** One copy of each message that this peer published, by the rounds that closed meanwhile. */
const consensusBytesPerRound = ({ net, topics }: Context, rounds: number): number | null => {
  if (rounds <= 0) return null
  const { byTopic } = net.traffic()
  const names = [topics.votes, topics.certificates, topics.blocks, topics.attests].map(topic => topic.name)
  const bytes = names.reduce((sum, name) => sum + (byTopic[name]?.sentBytes ?? 0), 0)
  return Math.round(bytes / rounds)
}

const healthOf = (context: Context, running: Running, journal: Journal): HealthReport => {
  const network = context.genesis.name
  if (running.lastError !== null) return { healthy: false, reason: running.lastError.message }
  if (journal.phase === 'finished') return { healthy: true, reason: `the run of ${network} has finished` }
  const ageMs = running.reporting.sinceFinalMs()
  if (journal.phase === 'starting')
    return { healthy: false, reason: journal.phaseReason ?? 'the peer is starting' }
  const quorum = quorumOf(context, running)
  if (quorum !== null) return { healthy: false, reason: quorum.detail }
  if (ageMs > STALLED_MS)
    return { healthy: false, reason: `no block has become final for ${Math.round(ageMs / 1000)} s` }
  return {
    healthy: true,
    reason: `block ${running.ledger?.final.height ?? 0} became final ${Math.round(ageMs / 1000)} s ago`
  }
}

const receiptOf = async (
  context: Context,
  pool: DeltaPool | undefined,
  journal: Journal,
  digest: string
): Promise<ApiReceipt | null> => {
  const { chain } = context
  const settled = await chain.receipt(digestOf(digest))
  const bytes = pool?.get(digest)?.bytes ?? (await chain.deltaBytes(digestOf(digest)))
  const decoded = bytes === undefined ? undefined : decodeSignedDelta(bytes)
  const signed = decoded === undefined || isFault(decoded) ? undefined : decoded
  if (settled !== undefined) {
    const share = ((100 * settled.weightQ16) / 65_536).toFixed(1)
    return {
      digest,
      outcome: 'accepted',
      trainer: toHex(settled.key),
      round: settled.round,
      height: settled.height,
      steps: settled.steps,
      payloadBytes: signed?.payload.length ?? null,
      weightQ16: settled.weightQ16,
      reward: String(settled.reward),
      code: null,
      why: `Block ${settled.height} names it: ${settled.steps} steps gave it ${share} % of the round's weight and of its reward.`
    }
  }
  const refused = journal.refused(digest)
  if (refused !== undefined) {
    return {
      ...refused,
      outcome: 'refused',
      weightQ16: 0,
      reward: '0',
      why: 'The round closed without it: not more than a third of the stake attested in time that it held this delta. Its work stays in the error buffer and goes out with later deltas.'
    }
  }
  if (signed === undefined) return null
  return {
    digest,
    outcome: 'pending',
    trainer: toHex(signed.header.trainer),
    round: signed.header.round,
    height: null,
    steps: signed.header.steps,
    payloadBytes: signed.payload.length,
    weightQ16: 0,
    reward: '0',
    code: null,
    why: 'Its round is still open.'
  }
}

const duesOf = (dues: readonly Due[]): { round: number; amount: string }[] =>
  dues.map(({ round, amount }) => ({ round, amount: String(amount) }))
