/**
 * Every rule that a block must keep on top of its parent's state, the cheap ones first. Payloads are
 * not needed here; `checkNamedDeltas` looks at them once they are held.
 */
import { equalBytes, type Fault, fault } from '@gradmesh/core'
import {
  type Attest,
  type Block,
  type BlockBody,
  type BlockHeader,
  BOUNDS,
  blockIdOf,
  bodyHashOf,
  type Digest,
  type Genesis,
  isBitmapOver,
  isQuorum,
  PROTOCOL_VERSION,
  type PublicKey,
  rulesHashOf,
  trainerSetHash,
  validatorSetHash,
  verifyAttest,
  verifyBlockSignature
} from '@gradmesh/wire'
import type { LedgerFault } from './faults.ts'
import { namedTrainers } from './named.ts'
import { keysOf, stakeOf } from './sets.ts'
import { convict } from './slashing.ts'
import { checkTransactions } from './transactions.ts'
import type { Accounts, LedgerState } from './types.ts'

export interface Proposal {
  readonly genesis: Genesis
  readonly chainId: Digest
  readonly parent: Pick<LedgerState, 'accounts' | 'root'>
  /** Null when the parent is the genesis: slot 0, height 0, its id is the chain id. */
  readonly parentHeader: BlockHeader | null
  /** Whose turn the slot is. */
  readonly leader: PublicKey
  readonly block: Block
}

type Answer = Fault<LedgerFault> | null

/** Null for a block that may be voted for. Faults: every `LedgerFault` up to LEDGER_EVIDENCE_REPEATED. */
export const validateBlock = (proposal: Proposal): Answer => {
  const { block, leader } = proposal
  const wrongHeader = checkHeader(proposal)
  if (wrongHeader !== null) return wrongHeader
  if (!equalBytes(bodyHashOf(block.body), block.header.bodyHash)) return fault('LEDGER_BODY_HASH')
  if (!verifyBlockSignature(block, leader)) return fault('LEDGER_LEADER')
  return block.body.attests.length === 0 ? checkEmpty(block.body) : checkRound(proposal)
}

const checkHeader = ({ genesis, chainId, parent, parentHeader, block: { header } }: Proposal): Answer => {
  const { accounts, root } = parent
  const wrongEpoch = checkEpoch(header, parentHeader, accounts)
  const parentHeight = parentHeader?.height ?? 0
  const parentSlot = parentHeader?.slot ?? 0
  const parentId = parentHeader === null ? chainId : blockIdOf(parentHeader)
  if (header.protocol !== PROTOCOL_VERSION) {
    return fault(
      'LEDGER_PROTOCOL',
      `the block speaks protocol ${header.protocol}, this peer ${PROTOCOL_VERSION}`
    )
  }
  if (!equalBytes(header.chainId, chainId)) return fault('LEDGER_CHAIN')
  if (wrongEpoch !== null) return wrongEpoch
  if (header.height !== parentHeight + 1)
    return fault('LEDGER_HEIGHT', `${header.height} after ${parentHeight}`)
  if (!equalBytes(header.parentId, parentId)) return fault('LEDGER_PARENT')
  if (header.parentSlot !== parentSlot || header.slot <= parentSlot) {
    return fault('LEDGER_SLOT', `slot ${header.slot} on ${header.parentSlot}, the parent's is ${parentSlot}`)
  }
  if (header.round !== accounts.round)
    return fault('LEDGER_ROUND', `${header.round}, open is ${accounts.round}`)
  if (!equalBytes(header.transcriptRoot, accounts.transcriptRoot)) return fault('LEDGER_TRANSCRIPT_ROOT')
  if (!equalBytes(header.stateRoot, root)) return fault('LEDGER_STATE_ROOT')
  const setHash =
    parentHeader?.epoch === header.epoch
      ? parentHeader.validatorSetHash
      : validatorSetHash(accounts.running.seats)
  if (!equalBytes(header.validatorSetHash, setHash)) return fault('LEDGER_VALIDATOR_SET')
  if (!equalBytes(header.rulesHash, rulesHashOf(genesis))) return fault('LEDGER_RULES')
  // The beacon is not in use; a free field would be a place to hide bits in.
  return header.reveal.every(byte => byte === 0) ? null : fault('LEDGER_REVEAL')
}

/**
 * A block stands in the epoch of its parent's open round, and the first of an epoch right on the boundary.
 * After the boundary its own epoch goes on with empty blocks until one of them makes it final; none of
 * those stays in the chain, so nothing may be in them or follow from them.
 */
const checkEpoch = (
  { epoch, slot }: BlockHeader,
  parentHeader: BlockHeader | null,
  accounts: Accounts
): Answer => {
  if (parentHeader === null || parentHeader.epoch === accounts.epoch) {
    return epoch === accounts.epoch ? null : fault('LEDGER_EPOCH', `${epoch}, open is ${accounts.epoch}`)
  }
  if (epoch === parentHeader.epoch) return null
  const isOnBoundary = parentHeader.height === accounts.height
  if (epoch !== accounts.epoch || !isOnBoundary) {
    return fault('LEDGER_EPOCH', `${epoch}, after a block of epoch ${parentHeader.epoch}`)
  }
  const first = parentHeader.slot + BOUNDS.slotsBetweenEpochs
  return slot >= first ? null : fault('LEDGER_SLOT', `${slot}, the epoch starts in ${first}`)
}

/** A block that closes no round changes nothing at all. */
const checkEmpty = ({ deltas, keys, scores, txs, evidence }: BlockBody): Answer =>
  [deltas, keys, scores, txs, evidence].every(list => list.length === 0) ? null : fault('LEDGER_NOT_EMPTY')

const checkRound = (proposal: Proposal): Answer => {
  const { genesis, chainId, parent, block } = proposal
  const { keys, scores, txs, evidence } = block.body
  const { epochs } = genesis
  if (block.header.epoch !== parent.accounts.epoch) {
    return fault('LEDGER_EPOCH', `epoch ${block.header.epoch} has closed its last round`)
  }
  if (genesis.end.rounds !== null && parent.accounts.round >= genesis.end.rounds) return fault('LEDGER_ENDED')
  if (keys.length > 0) return fault('LEDGER_KEYS', 'deltas are plain')
  if (scores.length > 0) return fault('LEDGER_SCORES', 'nothing is judged')
  const wrong =
    checkAttests(proposal) ??
    checkDeltas(proposal) ??
    checkTransactions({ trainers: parent.accounts.trainers, chainId, epochs }, txs)
  if (wrong !== null) return wrong
  const convicted = convict({ accounts: parent.accounts, evidence, chainId, epochs })
  return 'fault' in convicted ? convicted : null
}

const checkAttests = (proposal: Proposal): Answer => {
  const { chainId, parent, block } = proposal
  const { attests } = block.body
  const { running, epoch } = parent.accounts
  const trainerKeys = parent.accounts.trainers.map(({ key }) => key)
  const expected = {
    epoch,
    base: parent.root,
    setHash: trainerSetHash(trainerKeys),
    trainers: trainerKeys.length
  }
  let attested = 0n
  let last = -1
  for (const attest of attests) {
    const { validator } = attest
    if (validator <= last || validator >= running.seats.length) {
      return fault('LEDGER_ATTEST_ORDER', `validator ${validator} after ${last}`)
    }
    last = validator
    attested += running.seats[validator]!.stake
    const wrong = checkAttest(attest, parent.accounts.round, expected)
    if (wrong !== null) return fault(wrong, `validator ${validator}`)
  }
  const total = stakeOf(running)
  if (!isQuorum(attested, total)) return fault('LEDGER_ATTEST_QUORUM', `${attested} of ${total}`)
  const validatorKeys = keysOf(running)
  const forged = attests.find(attest => !verifyAttest(attest, validatorKeys, chainId))
  return forged === undefined ? null : fault('LEDGER_ATTEST_SIGNATURE', `validator ${forged.validator}`)
}

const checkAttest = (
  attest: Attest,
  round: number,
  expected: {
    readonly epoch: number
    readonly base: Digest
    readonly setHash: Digest
    readonly trainers: number
  }
): LedgerFault | null => {
  if (attest.epoch !== expected.epoch) return 'LEDGER_ATTEST_EPOCH'
  if (attest.round !== round) return 'LEDGER_ATTEST_ROUND'
  if (!equalBytes(attest.base, expected.base)) return 'LEDGER_ATTEST_BASE'
  if (!equalBytes(attest.setHash, expected.setHash)) return 'LEDGER_ATTEST_SET'
  return isBitmapOver(attest.bitmap, expected.trainers) ? null : 'LEDGER_ATTEST_BITMAP'
}

/** Exactly the attested deltas: a leader neither drops a rival's nor names one that nobody holds. */
const checkDeltas = ({ genesis, parent: { accounts }, block: { body } }: Proposal): Answer => {
  const { deltas, attests } = body
  const trainers = deltas.map(({ trainer }) => trainer)
  for (let i = 1; i < trainers.length; i++) {
    if (trainers[i]! <= trainers[i - 1]!) return fault('LEDGER_DELTAS_ORDER')
  }
  const named = new Set(trainers)
  const wanted = namedTrainers(
    accounts.running,
    genesis.seed,
    accounts.trainers.length,
    accounts.round,
    attests
  )
  const dropped = wanted.find(trainer => !named.delete(trainer))
  if (dropped !== undefined) return fault('LEDGER_DELTAS_DROPPED', `trainer ${dropped}`)
  const [extra] = named
  return extra === undefined ? null : fault('LEDGER_DELTAS_UNATTESTED', `trainer ${extra}`)
}
