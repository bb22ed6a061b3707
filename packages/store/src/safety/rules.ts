/**
 * What may follow what is on record. A vote adds one fact to those of its slot and takes back none; an own block and an
 * own delta are one a slot and one a round for ever, and where a crash left the id alone only its own bytes fill it.
 */
import { assert, equalBytes, fromHex, toHex } from '@gradmesh/core'
import { decodeVote, VoteKind } from '@gradmesh/wire'
import { storeError } from '../failures.ts'
import { encodeFacts, type SlotFacts } from './entry.ts'
import { ENTRY_BYTES_MAX } from './mirror.ts'

export const ID_BYTES = 32

/** An id and what it stands for; the bytes are empty when a crash left the id alone. */
export interface Promised {
  readonly id: Uint8Array
  readonly bytes: Uint8Array
}

export const isSame = (held: Promised | undefined, id: Uint8Array, bytes: Uint8Array): boolean =>
  held !== undefined && equalBytes(held.id, id) && equalBytes(held.bytes, bytes)

/** Nothing is held, or the id alone and it is this one. */
export const mayFill = (held: Promised | undefined, id: Uint8Array): boolean =>
  held === undefined || (held.bytes.length === 0 && equalBytes(held.id, id))

/** Which of the slot's facts this vote is; the bytes must say so themselves. */
export const kindOf = (facts: SlotFacts, voteBytes: Uint8Array): VoteKind => {
  const vote = decodeVote(voteBytes)
  if ('fault' in vote) throw conflict(`slot ${facts.slot}: not a vote (${vote.fault})`, { slot: facts.slot })
  const { slot, kind, blockId } = vote
  const said = kind === VoteKind.NOTAR ? facts.notar : kind === VoteKind.FINAL ? facts.final : null
  if (slot !== facts.slot || (kind === VoteKind.SKIP ? !facts.skip : said !== toHex(blockId))) {
    throw conflict(`slot ${facts.slot}: the vote says something else than the facts`, { slot: facts.slot })
  }
  assert(voteBytes.length + encodeFacts(facts).length + 6 <= ENTRY_BYTES_MAX, 'a vote fits into a record')
  return kind
}

/** Why `after` may not follow `before` by this one vote, or null. The rules are those of `consensus`. */
export const contradiction = (before: SlotFacts, after: SlotFacts, kind: VoteKind): string | null => {
  if (after.notar !== null && fromHex(after.notar)?.length !== ID_BYTES) return 'notar is no block id'
  if (after.skip && after.final !== null) return 'skip and final exclude each other'
  if (after.final !== null && after.final !== after.notar) return 'final is for another block than notar'
  const changes = (['notar', 'skip', 'final'] as const).filter(fact => before[fact] !== after[fact])
  const forgotten = changes.find(fact => before[fact] !== null && before[fact] !== false)
  if (forgotten !== undefined) return `${forgotten} is on record as ${before[forgotten]}`
  const added = { [VoteKind.NOTAR]: 'notar', [VoteKind.SKIP]: 'skip', [VoteKind.FINAL]: 'final' }[kind]
  if (changes.some(fact => fact !== added)) return 'more facts than this one vote'
  return null
}

type Where = Readonly<Record<string, number>>

export const conflict = (detail: string, data: Where): Error =>
  storeError('STORE_SAFETY_CONFLICT', `this would contradict what was signed: ${detail}`, {
    remedy: 'Nothing was signed. Two processes with one key, or a defect: stop the peer and report it.',
    data
  })

export const below = (detail: string, data: Where): Error =>
  storeError('STORE_SAFETY_BELOW', `too old to sign: ${detail}`, {
    remedy: 'Nothing to do: the peer abstains there and signs again above.',
    data
  })
