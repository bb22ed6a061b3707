/** Votes: counted once each, proof against a validator when two contradict, a certificate when enough agree. */
import { equalBytes } from '@gradmesh/core'
import { type Certificate, certificateFromVotes, contradict, type Vote } from '@gradmesh/wire'
import { fieldOf } from './certificates.ts'
import { type Draft, editSlot, slotOf } from './draft.ts'
import { areQuorum } from './quorum.ts'
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
  const isNew = ballot[field] === null
  const against = [ballot.notar, ballot.skip, ballot.final].find(
    other => other !== null && contradict(other, vote)
  )
  const report = against && !ballot.accused
  if (report) draft.effects.push({ type: 'evidence', first: against, second: vote })
  if (isNew || report) {
    const next = { ...ballot, [field]: ballot[field] ?? vote, accused: ballot.accused || Boolean(report) }
    editSlot(draft, vote.slot, { ballots: new Map(ballots).set(vote.validator, next) })
  }
  return isNew ? 'new' : 'repeat'
}

/** The certificate that the counted votes of this vote's kind and block make, if they are enough. */
export const tally = (draft: Draft, { slot, kind, blockId }: Vote): Certificate | undefined => {
  const { validators } = draft.config
  const field = fieldOf(kind)
  const votes: Vote[] = []
  for (const { [field]: vote } of slotOf(draft, slot).ballots.values()) {
    if (vote !== null && equalBytes(vote.blockId, blockId)) votes.push(vote)
  }
  const voters = votes.map(({ validator }) => validator)
  return areQuorum(voters, validators, draft.totalStake)
    ? certificateFromVotes(votes, validators.length)
    : undefined
}
