/**
 * The transition: a valid block with its deltas turns one state into the next, in integers, with the
 * same bits on every machine and whatever the order in which deltas arrived.
 */
import { assert, compareBytes, concatBytes, sha256, toHex, u32, utf8 } from '@gradmesh/core'
import { type Delta, type Layout, outerStep, shareExact, shareWeights } from '@gradmesh/delta'
import {
  type Block,
  chainIdOf,
  type DeltaHeader,
  type Digest,
  type Genesis,
  type PublicKey,
  rulesHashOf,
  verifyBlockSignature
} from '@gradmesh/wire'
import { checkNamedDeltas, type HeldDeltas } from './deltas.ts'
import { closesEpoch, firstRoundOf, turnEpoch } from './election.ts'
import { updatedLeafDigests } from './roots.ts'
import { convict, slash } from './slashing.ts'
import { stateOf } from './state.ts'
import { registryAfter } from './transactions.ts'
import type { Accounts, LedgerState, Receipt, TrainerAccount } from './types.ts'

const TRANSCRIPT = utf8('mesh/v1/transcript')

export interface Application {
  readonly genesis: Genesis
  readonly layout: Layout
  readonly parent: LedgerState
  /** It has passed `validateBlock` and `checkNamedDeltas`. */
  readonly block: Block
  readonly deltas: HeldDeltas
}

interface Share {
  readonly trainer: number
  readonly digest: Digest
  readonly header: DeltaHeader
  readonly delta: Delta
  readonly weightQ16: number
  readonly reward: bigint
}

/** The parent stays as it is; after an empty block it is still the state. */
export const applyBlock = (application: Application): { state: LedgerState; receipts: Receipt[] } => {
  const { parent, block } = application
  const { height } = block.header
  if (block.body.attests.length === 0) return { state: parent, receipts: [] }
  const shares = shareOut(application)
  const weights = step(application, shares)
  const leaves =
    weights === parent.weights ? parent.leaves : updatedLeafDigests(application.layout, parent, weights)
  const state = stateOf(settle(application, shares), weights, leaves)
  const { round } = parent.accounts
  const receipts = shares.map(({ trainer, digest, header, weightQ16, reward }) => {
    return { digest, trainer, key: header.trainer, round, height, steps: header.steps, weightQ16, reward }
  })
  return { state, receipts }
}

/**
 * Weight in proportion to credited steps, at most innerSteps, so equal for complete deltas; reward in
 * proportion to weight. Remainders go by size, then by the trainer's key, so neither the registry nor
 * the order of arrival favours anybody. In the block's order.
 */
const shareOut = ({ genesis, parent, block, deltas }: Application): Share[] => {
  const wrong = checkNamedDeltas(genesis, parent, block, deltas)
  assert(wrong === null, `a block was applied without its deltas being checked: ${wrong?.fault}`)
  const named = block.body.deltas
    .map(({ trainer, digest }) => ({ trainer, digest, ...deltas.get(toHex(digest))! }))
    .sort((a, b) => compareBytes(a.header.trainer, b.header.trainer))
  const steps = named.map(({ header }) => Math.min(header.steps, genesis.training.innerSteps))
  const weights = shareWeights(steps)
  const rewards = shareExact(genesis.rewardPerRound, weights.map(BigInt))
  return named
    .map((delta, i) => ({ ...delta, weightQ16: weights[i]!, reward: rewards[i]! }))
    .sort((a, b) => a.trainer - b.trainer)
}

const step = ({ genesis, layout, parent }: Application, shares: readonly Share[]): Int32Array => {
  if (shares.length === 0) return parent.weights
  const frozen = layout.tensors.filter((_, i) => genesis.tensors[i]?.trainable === false)
  return outerStep(
    layout,
    parent.weights,
    shares.map(({ delta, weightQ16 }) => ({ delta, weight: weightQ16 })),
    outerRateOf(genesis, parent.accounts.round),
    chunk => frozen.some(({ firstChunk, chunks }) => chunk >= firstChunk && chunk < firstChunk + chunks)
  )
}

/** Rises in equal steps over the first `warmupRounds` rounds; unit 2^-16. */
export const outerRateOf = ({ training }: Pick<Genesis, 'training'>, round: number): number => {
  const { outerRateQ16, warmupRounds } = training
  if (round >= warmupRounds) return outerRateQ16
  return Number((BigInt(outerRateQ16) * BigInt(round + 1)) / BigInt(warmupRounds))
}

/** What the block's transactions, evidence, deltas and attestations do, in this order; then, at a boundary, the turn. */
const settle = (application: Application, shares: readonly Share[]): Accounts => {
  const { genesis, parent, block } = application
  const { accounts } = parent
  const { height } = block.header
  const { training, epochs } = genesis
  const chainId = chainIdOf(genesis)
  const { evidence, txs } = block.body
  const convicted = convict({ accounts, evidence, chainId, epochs })
  assert(Array.isArray(convicted), 'a block was applied without its evidence being checked')
  const trainers = registryAfter({ trainers: accounts.trainers, chainId, epochs }, txs, height)
  const slashed = slash(
    { ...accounts, trainers },
    convicted,
    convicted.length > 0 ? leaderOf(application) : null,
    epochs
  )
  const rewarded = shares.reduce((sum, { reward }) => sum + reward, 0n)
  const round = accounts.round + 1
  // Whoever was registered had rows of its own this round, used or not.
  const rows = BigInt(accounts.trainers.length) * BigInt(training.innerSteps) * BigInt(training.batch)
  const settled: Accounts = {
    ...slashed,
    height,
    round,
    // As it is written down: a u64. What a checkpoint brings back must be what memory holds.
    cursor: BigInt.asUintN(64, accounts.cursor + rows),
    transcriptRoot: transcriptRoot(accounts.transcriptRoot, shares, rulesHashOf(genesis)),
    trainers: countAttendance(application, credit(slashed, application, shares)),
    minted: accounts.minted + rewarded
  }
  return closesEpoch(epochs, accounts.round) ? turnEpoch(settled, epochs) : settled
}

/** Whoever signed it: no header names its leader. */
const leaderOf = ({ parent, block }: Application): PublicKey | null =>
  parent.accounts.running.seats.find(({ key }) => verifyBlockSignature(block, key))?.key ?? null

/** A delta is accepted when its weight is not 0. Its reward vests for as long as a bond of now would unbond. */
const credit = (
  { trainers, round, epoch }: Accounts,
  { genesis: { epochs } }: Application,
  shares: readonly Share[]
): TrainerAccount[] => {
  const credited = [...trainers]
  const due = firstRoundOf(epochs, epoch + 1 + epochs.unbonding)
  for (const { trainer, weightQ16, reward } of shares) {
    if (weightQ16 === 0) continue
    const account = credited[trainer]!
    const newest = account.vesting.at(-1)
    const isOpen = newest?.round === due
    const amount = reward + (isOpen ? newest.amount : 0n)
    const vesting = [...(isOpen ? account.vesting.slice(0, -1) : account.vesting), { round: due, amount }]
    credited[trainer] = { ...account, accepted: account.accepted + 1, lastRound: round, vesting }
  }
  return credited
}

/** Who attested was there: that is all that the chain itself says of a validator's presence. */
const countAttendance = (
  { parent, block }: Application,
  trainers: readonly TrainerAccount[]
): TrainerAccount[] => {
  const counted = [...trainers]
  const present = new Set(block.body.attests.map(({ validator }) => validator))
  for (const [i, { trainer }] of parent.accounts.running.seats.entries()) {
    const account = counted[trainer]!
    const absent = present.has(i) ? 0 : account.absent + 1
    if (absent !== account.absent) counted[trainer] = { ...account, absent }
  }
  return counted
}

/**
 * T_r = H("mesh/v1/transcript" · T_{r-1} · count u32 · (trainer u32 · payload hash 32 · weight u32) each
 * in registry order · rules hash): binds the weights by induction, at the price of one hash.
 */
export const transcriptRoot = (
  previous: Digest,
  shares: readonly { trainer: number; header: Pick<DeltaHeader, 'payloadHash'>; weightQ16: number }[],
  rulesHash: Digest
): Digest =>
  sha256(
    TRANSCRIPT,
    previous,
    u32(shares.length),
    ...shares.map(({ trainer, header, weightQ16 }) =>
      concatBytes(u32(trainer), header.payloadHash, u32(weightQ16))
    ),
    rulesHash
  )
