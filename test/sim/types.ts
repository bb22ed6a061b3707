/** The simulated mesh's own words: what its nodes send, sign and store. */
import type * as consensus from '@gradmesh/consensus'
import type { BlockRef } from '@gradmesh/consensus'
import type { Prng } from '@gradmesh/core'
import type { Certificate, Vote, VoteBody } from '@gradmesh/wire'

/** The rules under test: the real ones, or a mutant of them. */
export type Rules = Pick<typeof consensus, 'createConsensus' | 'step' | 'leaderOf'>

export interface SimBlock extends BlockRef {
  readonly leader: number
  /** Whether an honest validator's check passes. */
  readonly valid: boolean
  readonly signature: Uint8Array
}

export type Message =
  | { readonly type: 'block'; readonly block: SimBlock }
  | { readonly type: 'vote'; readonly vote: Vote }
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  | { readonly type: 'get'; readonly id: string }
  | { readonly type: 'sync'; readonly height: number }
  | { readonly type: 'final'; readonly blocks: readonly SimBlock[]; readonly certificate: Certificate }

export interface Delivery {
  readonly to: number
  readonly message: Message
}

/** What a liar has at hand: its own key, all it ever heard, and a die. */
export interface Liar {
  readonly prng: Prng
  readonly self: number
  readonly others: readonly number[]
  leads(slot: number): boolean
  /** Blocks of a slot that it heard of or made. */
  blocksOf(slot: number): readonly SimBlock[]
  /** Its own notes, by slot. */
  readonly second: Map<number, SimBlock>
  signVote(body: VoteBody): Vote
  signBlock(block: Omit<BlockRef, 'id'>, valid: boolean): SimBlock
}

/**
 * One way to lie, as a filter between an otherwise honest driver and the network: what goes to whom
 * where the honest driver would tell `message` to everybody.
 */
export interface Adversary {
  readonly name: string
  /** Runs a second instance with the same key; each talks to one half of the others. */
  readonly twin: boolean
  tell(liar: Liar, message: Message): readonly Delivery[]
}
