/** Blocks: a page of them, and one whole. */
import {
  array,
  boolean,
  hex32,
  type Infer,
  integer,
  named,
  nullable,
  object,
  oneOf,
  text
} from '../schema.ts'
import { duration } from './units.ts'

const summaryFields = {
  height: integer(),
  slot: integer(),
  epoch: integer(),
  id: hex32(),
  parentId: hex32(),
  round: integer({ description: 'the round that it closes; the open round when it is empty' }),
  empty: boolean({ description: 'no attestations: it does not advance the round' }),
  leader: nullable(hex32({ description: 'public key of the proposer; null for the genesis' })),
  deltas: integer({ description: 'deltas that it names' }),
  attests: integer(),
  evidence: integer({ description: 'proofs of misbehaviour' }),
  bytes: integer(),
  finalityMs: nullable(duration('as this peer saw it; null when learnt by sync'))
}

const blockSummary = named('BlockSummary', object(summaryFields))
export type BlockSummary = Infer<typeof blockSummary>

export const blocks = named(
  'Blocks',
  object({
    head: integer({ description: 'newest final height' }),
    blocks: array(blockSummary),
    next: nullable(integer({ description: '`from` of the next, older page; null at the end' }))
  })
)
export type Blocks = Infer<typeof blocks>

export const block = named(
  'Block',
  object({
    ...summaryFields,
    protocol: integer(),
    parentSlot: integer(),
    parentStateRoot: hex32({ description: "root of the parent's state, as the header carries it" }),
    parentTranscriptRoot: hex32(),
    validatorSetHash: hex32(),
    rulesHash: hex32(),
    bodyHash: hex32(),
    namedDeltas: array(object({ trainer: hex32({ description: 'public key' }), digest: hex32() })),
    transactions: array(object({ kind: text(), key: hex32(), id: hex32() })),
    misbehaviour: array(object({ kind: oneOf('votes', 'blocks', 'deltas'), key: hex32() })),
    certificate: nullable(
      object({
        slot: integer({ description: "own slot, or a descendant's whose FINAL covers this block" }),
        signers: array(hex32())
      })
    )
  })
)
export type Block = Infer<typeof block>
