/** Votes: counted once each, proof against a validator when two contradict, a certificate when enough agree. */
import { equalBytes } from '@gradmesh/core'
import { type Certificate, type Vote, VoteKind } from '@gradmesh/wire'
import { fieldOf } from './certificates.ts'
import { type Draft, editSlot, slotOf } from './draft.ts'
import { isQuorum, toBitmap } from './quorum.ts'
import type { Ballot } from './state.ts'

const NO_VOTES: Ballot = { notar: null, skip: null, final: null, accused: false }

/**
 * Counts a vote: 'new', or 'repeat' when its validator already voted of this kind here. A contradiction
 * (two blocks by NOTAR or by FINAL, or SKIP with FINAL) becomes one `evidence` a validator and slot.
 */
export const addVote = (draft: Draft, vote: Vote): 'new' | 'repeat' => {
  const { ballots } = slotOf(draft, vote.slot)
  const ballot = ballots.get(vote.validator) ?? NO_VOTES
  const field = fieldOf(vote.kind)
  const same = ballot[field]
  const against =
    same !== null && !equalBytes(same.blockId, vote.blockId)
      ? same
      : vote.kind === VoteKind.SKIP
        ? ballot.final
        : vote.kind === VoteKind.FINAL
          ? ballot.skip
          : null
  const accused = ballot.accused || against !== null
  if (against !== null && !ballot.accused) {
    draft.effects.push({ type: 'evidence', first: against, second: vote })
  }
  if (same === null || accused !== ballot.accused) {
    const next = { ...ballot, [field]: same ?? vote, accused }
    editSlot(draft, vote.slot, { ballots: new Map(ballots).set(vote.validator, next) })
  }
  return same === null ? 'new' : 'repeat'
}

/** The certificate that the counted votes of this vote's kind and block make, if they are enough. */
export const tally = (draft: Draft, { epoch, slot, kind, blockId }: Vote): Certificate | undefined => {
  const { validators } = draft.config
  const field = fieldOf(kind)
  const votes = [...slotOf(draft, slot).ballots.values()]
    .flatMap(ballot => ballot[field] ?? [])
    .filter(vote => equalBytes(vote.blockId, blockId))
    .sort((a, b) => a.validator - b.validator)
  const weight = votes.reduce((sum, { validator }) => sum + validators[validator]!.stake, 0n)
  if (!isQuorum(weight, draft.totalStake)) return undefined
  const bitmap = toBitmap(
    votes.map(({ validator }) => validator),
    validators.length
  )
  return { epoch, slot, kind, blockId, bitmap, signatures: votes.map(({ signature }) => signature) }
}
