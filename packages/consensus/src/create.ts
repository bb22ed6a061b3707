/** How a peer starts: from genesis, or from what its disk holds after a crash. */
import { assert, MeshError } from '@gradmesh/core'
import { addCertificate, advanceFrontier } from './certificates.ts'
import { closeDraft, openDraft } from './draft.ts'
import { leaderOf } from './leader.ts'
import { totalStake } from './quorum.ts'
import { emptySlot, type Slot, type State } from './state.ts'
import type { BlockId, BlockRef, ConsensusConfig, Restored } from './types.ts'

/** A peer without a past. */
export const fromGenesis: Restored = {
  facts: [],
  finalBlock: null,
  finalCertificate: null,
  highWaterSlot: 0,
  blocks: [],
  certificates: []
}

/**
 * The state to start from. What is restored comes from the own disk and is trusted, except that certificates
 * and blocks which no longer matter are dropped.
 *
 * @throws MeshError `CONSENSUS_CONFIG` when a setting makes no sense.
 */
export const createConsensus = (config: ConsensusConfig, restored: Restored): State => {
  checkConfig(config)
  const final = restored.finalBlock ?? genesisBlock(config.genesisId)
  assert(
    final.slot < config.firstSlot === (restored.finalCertificate === null),
    'a final block of this epoch comes with its certificate, what the epoch starts from with none'
  )
  const firstFree = Math.max(final.slot + 1, config.firstSlot)
  const slots = new Map<number, Slot>()
  const edit = (slot: number, change: Partial<Slot>) =>
    slots.set(slot, { ...(slots.get(slot) ?? emptySlot(slot, restored.highWaterSlot)), ...change })
  for (const facts of restored.facts) {
    if (facts.slot > final.slot) edit(facts.slot, { facts, abstain: false })
  }
  const blocks = new Map<BlockId, BlockRef>()
  for (const block of restored.blocks) {
    if (block.slot < firstFree) continue
    blocks.set(block.id, block)
    const proposals = new Map(slots.get(block.slot)?.proposals).set(block.id, 'unasked')
    edit(block.slot, { proposals })
  }
  const draft = openDraft({
    config,
    totalStake: totalStake(config.validators),
    final,
    finalCertificate: restored.finalCertificate,
    topFinal: restored.finalCertificate,
    frontier: firstFree,
    leader: leaderOf(config, firstFree),
    highWaterSlot: restored.highWaterSlot,
    slots,
    blocks,
    delaySamples: [],
    proposedSlot: 0,
    broken: false,
    ended: false,
    timers: null,
    fetches: new Map(),
    answers: new Map()
  })
  for (const certificate of restored.certificates) {
    if (certificate.epoch === config.epoch) addCertificate(draft, certificate)
  }
  advanceFrontier(draft)
  return closeDraft(draft)[0]
}

const genesisBlock = (id: BlockId): BlockRef => ({
  id,
  slot: 0,
  height: 0,
  parentSlot: 0,
  parentId: id,
  empty: true,
  boundary: false
})

const checkConfig = ({ validators, self, delayMs, ...config }: ConsensusConfig): void => {
  const wholes = [
    config.firstSlot,
    config.roundDeadlineMs,
    config.timeoutCapMs,
    config.resendMs,
    config.syncAfterMs
  ]
  const wrong =
    wholes.some(ms => !Number.isSafeInteger(ms) || ms < 0) ||
    config.resendMs === 0 ||
    config.syncAfterMs === 0
      ? 'firstSlot and times must be whole numbers, and resendMs and syncAfterMs positive'
      : ![delayMs.min, delayMs.start, delayMs.max].every(Number.isSafeInteger) ||
          !(0 < delayMs.min && delayMs.min <= delayMs.start && delayMs.start <= delayMs.max)
        ? 'delayMs must be whole milliseconds with 0 < min <= start <= max'
        : totalStake(validators) <= 0n || validators.some(({ stake }) => stake < 0n)
          ? 'stakes must not be negative nor all zero'
          : self !== null && validators[self] === undefined
            ? 'self is not in the validator set'
            : null
  if (wrong === null) return
  throw new MeshError('CONSENSUS_CONFIG', `consensus cannot start: ${wrong}`, {
    remedy: 'Correct the genesis or the node options and start again.'
  })
}
