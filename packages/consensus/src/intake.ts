/**
 * The door of the pure step: every input is checked for sense and bounds, and what passes is filed. Nothing
 * here decides; that is `step.ts`.
 */
import { equalBytes, toHex } from '@gradmesh/core'
import { type Certificate, type Vote, type VoteBody, VoteKind } from '@gradmesh/wire'
import { addVote, tally } from './ballots.ts'
import { addCertificate, endOf, fieldOf, finalSlot } from './certificates.ts'
import { type Draft, editSlot, ownBlocks, slotOf } from './draft.ts'
import { finaliseAt } from './finality.ts'
import { signers } from './quorum.ts'
import { BLOCKS_PER_SLOT, SLOTS_AHEAD, SLOTS_BELOW_FINAL } from './state.ts'
import { addSample } from './timing.ts'
import type { BlockId, BlockRef, Input } from './types.ts'
import { answer, askForSync } from './upkeep.ts'

export const takeIn = (draft: Draft, now: number, input: Input): void => {
  if (input.type === 'block') onBlock(draft, now, input.block)
  else if (input.type === 'verdict') onVerdict(draft, input.id, input.valid)
  else if (input.type === 'vote') onVote(draft, now, input.vote)
  else if (input.type === 'certificate') onCertificate(draft, now, input.certificate)
  else if (input.type === 'final') onFinal(draft, now, input.block, input.certificate)
  else input satisfies { readonly type: 'tick' }
}

const onBlock = (draft: Draft, now: number, block: BlockRef): void => {
  const { id, slot } = block
  if (!isBlock(draft, block) || slot <= draft.final.slot || draft.blocks.has(id)) return
  const { proposals, firstProposalMs } = slotOf(draft, slot)
  if (!draft.fetches.has(id)) {
    if (slot > draft.frontier + SLOTS_AHEAD) askForSync(draft, now)
    if (slot > draft.frontier + SLOTS_AHEAD || proposals.size >= BLOCKS_PER_SLOT) return
  }
  ownBlocks(draft).set(id, block)
  editSlot(draft, slot, {
    proposals: new Map(proposals).set(id, 'unasked'),
    firstProposalMs: firstProposalMs ?? now
  })
}

const onVerdict = (draft: Draft, id: BlockId, valid: boolean): void => {
  const block = draft.blocks.get(id)
  if (block === undefined) return
  const { proposals } = slotOf(draft, block.slot)
  if (proposals.get(id) !== 'asked') return
  editSlot(draft, block.slot, { proposals: new Map(proposals).set(id, valid ? 'valid' : 'invalid') })
}

const onVote = (draft: Draft, now: number, vote: Vote): void => {
  const { validator, slot, kind } = vote
  if (!isBody(draft, vote) || draft.config.validators[validator] === undefined) return
  const ahead = slot > draft.frontier + SLOTS_AHEAD
  const forgotten = slot < draft.final.slot - SLOTS_BELOW_FINAL
  if (ahead) askForSync(draft, now)
  if (forgotten) answer(draft, now, validator, endOf(draft, slot))
  if (ahead || forgotten) return
  rememberOwn(draft, vote)
  const news = addVote(draft, vote)
  const known = slotOf(draft, slot)
  if (news === 'new' && known[fieldOf(kind)] === null) {
    const certificate = tally(draft, vote)
    if (certificate !== undefined) file(draft, now, certificate)
  }
  // A late vote is usual, a repeated one means that its sender still waits; so does SKIP where a block won.
  const waits = news === 'repeat' || (kind === VoteKind.SKIP && known.skip === null)
  const over = draft.ended || (kind === VoteKind.FINAL ? slot <= finalSlot(draft) : true)
  const end = draft.ended ? (draft.topFinal ?? undefined) : endOf(draft, slot)
  if (waits && over) answer(draft, now, validator, end)
}

/** A vote by our own key that no record explains: the record was lost, so the slot is not ours to vote in. */
const rememberOwn = (draft: Draft, { validator, slot, kind, blockId }: Vote): void => {
  if (validator !== draft.config.self) return
  const { facts } = slotOf(draft, slot)
  const id = toHex(blockId)
  const explained =
    kind === VoteKind.SKIP ? facts.skip : (kind === VoteKind.NOTAR ? facts.notar : facts.final) === id
  if (!explained) editSlot(draft, slot, { abstain: true })
}

const onCertificate = (draft: Draft, now: number, certificate: Certificate): void => {
  const { slot, kind } = certificate
  if (!isBody(draft, certificate)) return
  // Everybody passes each one on, so most are repeats: they cost one comparison.
  const known = draft.slots.get(slot)?.[fieldOf(kind)]
  if (known && slot <= draft.frontier + 1 && equalBytes(known.blockId, certificate.blockId)) return
  const voters = signers(certificate, draft.config.validators, draft.totalStake)
  if (voters === undefined) return
  if (slot > draft.frontier + 1) askForSync(draft, now)
  if (slot > draft.frontier + SLOTS_AHEAD && kind !== VoteKind.FINAL) return
  if (!file(draft, now, certificate)) return
  const { epoch, blockId, signatures } = certificate
  for (const [i, validator] of voters.entries()) {
    const vote = { epoch, slot, kind, blockId, validator, signature: signatures[i]! }
    rememberOwn(draft, vote)
    addVote(draft, vote)
  }
}

/** Keeps a certificate and, when it is news above the final slot, passes it on. */
const file = (draft: Draft, now: number, certificate: Certificate): boolean => {
  const { slot, kind } = certificate
  const { firstProposalMs, facts } = slotOf(draft, slot)
  if (!addCertificate(draft, certificate)) return false
  if (slot > draft.final.slot) draft.effects.push({ type: 'certificate', certificate })
  // Only slots that went well measure the network; the others measure the timer or our own absence.
  if (kind === VoteKind.NOTAR && slot === draft.frontier && firstProposalMs !== null && !facts.skip) {
    draft.delaySamples = addSample(draft.delaySamples, now - firstProposalMs)
  }
  return true
}

const onFinal = (draft: Draft, now: number, block: BlockRef, certificate: Certificate): void => {
  if (!isBlock(draft, block) || !isBody(draft, certificate) || certificate.kind !== VoteKind.FINAL) return
  if (certificate.slot !== block.slot || toHex(certificate.blockId) !== block.id) return
  if (signers(certificate, draft.config.validators, draft.totalStake) === undefined) return
  if (block.slot <= draft.final.slot) return
  addCertificate(draft, certificate)
  if (!draft.broken) finaliseAt(draft, block, now)
}

const isBlock = (draft: Draft, { id, slot, height, parentSlot, parentId }: BlockRef): boolean =>
  isId(id) &&
  isId(parentId) &&
  isSlot(draft, slot) &&
  Number.isSafeInteger(height) &&
  height > 0 &&
  Number.isSafeInteger(parentSlot) &&
  0 <= parentSlot &&
  parentSlot < slot

const isId = (id: BlockId): boolean => /^[0-9a-f]{64}$/.test(id)

/** The gap below an epoch's first slot is thousands wide: what were kept of it would be too much. */
const isSlot = ({ config }: Draft, slot: number): boolean =>
  Number.isSafeInteger(slot) && slot > 0 && slot >= config.firstSlot

const NO_BLOCK = new Uint8Array(32)

const KINDS: readonly VoteKind[] = Object.values(VoteKind)

const isBody = (draft: Draft, { epoch, slot, kind, blockId }: VoteBody): boolean =>
  epoch === draft.config.epoch &&
  isSlot(draft, slot) &&
  KINDS.includes(kind) &&
  blockId.length === 32 &&
  (kind === VoteKind.SKIP) === equalBytes(blockId, NO_BLOCK)
