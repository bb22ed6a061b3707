/** What a peer tells about itself and the mesh. `null` means "not known yet", never zero. */
import {
  anyOf,
  array,
  boolean,
  describe,
  hex32,
  type Infer,
  integer,
  literal,
  money,
  named,
  nullable,
  number,
  object,
  oneOf,
  text
} from './schema.ts'

const duration = (description: string) => number({ description, minimum: 0 })
const wallMs = (description: string) => integer({ description: `${description}; milliseconds since 1970` })

// ---------------------------------------------------------------- status

export const PHASES = ['starting', 'syncing', 'training', 'waiting', 'finished', 'stalled'] as const
export const phase = named('Phase', oneOf(...PHASES))
export type Phase = Infer<typeof phase>

export const ROLES = ['validator', 'trainer', 'follower'] as const
export const role = named('Role', oneOf(...ROLES))
export type Role = Infer<typeof role>

export const lastError = named(
  'LastError',
  object({
    code: text({ description: 'as listed in docs/ERRORS.md' }),
    message: text(),
    remedy: nullable(text()),
    at: wallMs('when it happened')
  })
)
export type LastError = Infer<typeof lastError>

export const caps = named(
  'Caps',
  object(
    {
      gpuShare: nullable(
        number({ description: 'share of time in which the adapter may be busy', minimum: 0, maximum: 1 })
      ),
      memoryBytes: nullable(integer({ description: 'resident memory of the process' })),
      uploadBytesPerSecond: nullable(integer()),
      downloadBytesPerSecond: nullable(integer()),
      hours: nullable(text({ description: 'local time in which it trains, such as 22:00-07:00' })),
      pause: nullable(text({ description: 'why training pauses now; null while no cap pauses it' }))
    },
    { description: 'what its operator lets it take of the machine; null: no cap' }
  )
)
export type Caps = Infer<typeof caps>

export const REACHABILITIES = ['unknown', 'reachable', 'relayed', 'cut-off'] as const
const REACHES = ['host', 'site', 'world'] as const

export const reachability = named(
  'Reachability',
  object({
    state: oneOf(...REACHABILITIES),
    scope: nullable(oneOf(...REACHES)),
    relays: array(hex32({ description: 'public key of a peer that relays for this one' })),
    detail: text({ description: 'whether others can call this peer, in a sentence' }),
    remedy: nullable(text({ description: 'what to do about it' }))
  })
)
export type Reachability = Infer<typeof reachability>

export const quorum = named(
  'Quorum',
  object({
    stuckSeconds: integer({ description: 'since the newest final block' }),
    share: number({ description: 'of the stake that is silent', minimum: 0, maximum: 1 }),
    missing: array(
      object({
        key: hex32(),
        label: nullable(text()),
        stake: money(),
        share: number({ minimum: 0, maximum: 1 })
      })
    ),
    detail: text({ description: 'what happened, in a sentence' }),
    remedy: text({ description: 'what to do about it' })
  })
)
export type Quorum = Infer<typeof quorum>

export const status = named(
  'Status',
  object({
    protocol: integer({ description: 'protocol version' }),
    agent: text({ description: 'name and version of the software' }),
    chainId: hex32({ description: 'digest of the genesis: the id of the mesh' }),
    network: text({ description: 'name of the mesh, as its genesis gives it' }),
    task: text({ description: 'what is learnt, for example digits' }),
    key: hex32({ description: 'public key of this peer' }),
    label: nullable(text({ description: 'what this peer likes to be shown as' })),
    role,
    addresses: array(text({ description: 'multiaddr that others can dial, peer id included' })),
    reachability: nullable(reachability),
    height: integer({ description: 'newest final block' }),
    round: integer({ description: 'the round that is open; so many rounds are closed' }),
    roundsTotal: nullable(
      integer({ description: 'the run ends after so many rounds; null when it has no end' })
    ),
    slot: integer({ description: 'frontier slot of the vote' }),
    phase,
    phaseReason: nullable(text({ description: 'why it is in this phase, where that is not plain' })),
    progress: nullable(
      object(
        { done: integer(), total: integer(), unit: oneOf('blocks', 'pieces') },
        { description: 'of a phase whose end is known' }
      )
    ),
    quorum: describe('null while enough validators are heard to make blocks final', nullable(quorum)),
    stateRoot: hex32({ description: 'root of the state after `height`' }),
    loss: nullable(number({ description: 'held-out loss of the final weights' })),
    score: nullable(number({ description: 'held-out score of the final weights' })),
    scoreName: text({ description: 'what the score is called, for example accuracy' }),
    peers: integer({ description: 'connections' }),
    finalityMs: object({
      p50: nullable(duration('half of the blocks were final within')),
      p99: nullable(duration('99 % of the blocks were final within')),
      last: nullable(duration('the newest block: from its proposal to its FINAL certificate'))
    }),
    samplesPerSecond: number({ description: 'of this peer alone', minimum: 0 }),
    bytes: object({
      deltaBytesPerRound: nullable(integer({ description: 'one signed delta of this peer, one copy' })),
      denseBytesPerRound: integer({ description: 'what the same exchange takes as dense f32' }),
      consensusBytesPerRound: nullable(integer({ description: 'blocks, votes, certificates, attestations' })),
      sent: integer(),
      received: integer()
    }),
    adapter: nullable(
      object({
        name: text(),
        software: boolean({ description: 'true when the "GPU" is emulated on the CPU' })
      })
    ),
    adapterBusy: nullable(
      number({ description: 'share of the last minute in which it trained', minimum: 0, maximum: 1 })
    ),
    steps: nullable(
      object(
        { done: integer(), max: integer() },
        {
          description:
            'inner steps of its newest delta; fewer than `max` when the round left no time for more'
        }
      )
    ),
    caps,
    residentBytes: integer({ description: 'memory of the process' }),
    diskBytes: describe(
      'what the ledger takes on the disk, about, by kind; null until it has been looked up',
      nullable(
        object({
          blocks: integer({ description: 'final and live blocks, certificates' }),
          deltas: integer({ description: 'payloads and headers' }),
          receipts: integer(),
          checkpoints: integer(),
          errorBuffer: integer({ description: 'what this trainer has not sent yet' }),
          other: integer({ description: 'the newest few megabytes of all kinds, and the rest' })
        })
      )
    ),
    stake: money(),
    reward: money({ description: 'balance earned by this peer' }),
    uptimeSeconds: number({ minimum: 0 }),
    loopDelayMs: duration('event-loop delay, p99 of the last minute'),
    lastError: nullable(lastError)
  })
)
export type Status = Infer<typeof status>

// ---------------------------------------------------------------- peers

export const peer = named(
  'Peer',
  object({
    key: hex32(),
    label: nullable(text()),
    address: text(),
    relay: nullable(
      hex32({ description: 'whose relay the connection goes through; null when it is direct' })
    ),
    direction: oneOf('inbound', 'outbound'),
    rttMs: nullable(duration('round-trip time')),
    score: number({ description: 'gossip score; negative is bad' }),
    graylisted: boolean({ description: 'its messages are no longer read' }),
    bytesSent: integer(),
    bytesReceived: integer()
  })
)
export type Peer = Infer<typeof peer>

export const peers = named('Peers', object({ peers: array(peer) }))
export type Peers = Infer<typeof peers>

// ---------------------------------------------------------------- blocks

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

export const blockSummary = named('BlockSummary', object(summaryFields))
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

// ---------------------------------------------------------------- stakes and receipts

export const validator = named(
  'Validator',
  object({
    key: hex32(),
    label: nullable(text()),
    stake: money({ description: 'its weight in this epoch' }),
    nextStake: money({ description: 'its weight in the next' }),
    slashed: money()
  })
)
export type Validator = Infer<typeof validator>

const due = object({
  round: integer({ description: 'comes free when this round opens' }),
  amount: money()
})

export const trainer = named(
  'Trainer',
  object({
    key: hex32(),
    label: text(),
    since: integer({ description: 'height of its registration; 0 for those in the genesis' }),
    accepted: integer({ description: 'deltas accepted so far' }),
    lastRound: nullable(integer({ description: 'round of its newest accepted delta' })),
    nonce: integer({ description: 'of its next stake transaction' }),
    balance: money({ description: 'free' }),
    bond: money({ description: 'at stake' }),
    leaving: money({ description: 'part of the bond that was asked back and is still at stake' }),
    vesting: array(due),
    unbonding: array(due)
  })
)
export type Trainer = Infer<typeof trainer>

export const stakes = named(
  'Stakes',
  object({
    height: integer({ description: 'all figures are those after this block' }),
    epoch: integer(),
    validators: array(validator),
    trainers: array(trainer),
    minted: money({ description: 'equals balances, bonds, what unbonds or vests, and burnt together' }),
    burnt: money()
  })
)
export type Stakes = Infer<typeof stakes>

export const submitted = named(
  'Submitted',
  object({
    id: hex32({ description: 'as the block that takes it will list it' }),
    height: integer({ description: 'of the newest final block here' }),
    epoch: integer({ description: 'that runs' }),
    round: integer({ description: 'that is open' })
  })
)
export type Submitted = Infer<typeof submitted>

export const ticket = named(
  'Ticket',
  object({
    ticket: text({ description: 'what `gradmesh join` takes' }),
    addresses: array(text({ description: 'multiaddr of this peer that the ticket names' })),
    reach: nullable(oneOf(...REACHES)),
    expiresAt: integer({ description: 'seconds since 1970' })
  })
)
export type Ticket = Infer<typeof ticket>

export const OUTCOMES = ['accepted', 'refused', 'pending'] as const
const outcome = named('Outcome', oneOf(...OUTCOMES))
export type Outcome = Infer<typeof outcome>

export const receipt = named(
  'Receipt',
  object({
    digest: hex32(),
    outcome,
    trainer: hex32({ description: 'public key' }),
    round: integer(),
    height: nullable(integer({ description: 'the block that settled it; null while pending' })),
    steps: integer({ description: 'inner steps credited' }),
    payloadBytes: nullable(integer()),
    weightQ16: integer({ description: "share of the round's weight, unit 2^-16", maximum: 65_536 }),
    reward: money(),
    code: nullable(text({ description: 'fault code when refused' })),
    why: text({ description: 'one sentence for its author' })
  })
)
export type Receipt = Infer<typeof receipt>

export const health = named(
  'Health',
  object({
    healthy: literal(true),
    reason: text({ description: 'what shows it, for example the newest final block' })
  })
)
export type Health = Infer<typeof health>

// ---------------------------------------------------------------- events

export const roundEvent = named(
  'RoundEvent',
  object({
    type: literal('round'),
    round: integer({ description: 'the round that closed' }),
    height: integer(),
    loss: nullable(number()),
    score: nullable(number()),
    deltas: integer({ description: 'accepted' }),
    samples: integer({ description: 'credited to the round, all trainers together' }),
    stateRoot: hex32(),
    at: wallMs('when this peer applied it')
  })
)
export type RoundEvent = Infer<typeof roundEvent>

export const finalEvent = named(
  'FinalEvent',
  object({
    type: literal('final'),
    height: integer(),
    slot: integer(),
    id: hex32(),
    round: integer(),
    empty: boolean(),
    deltas: integer(),
    finalityMs: nullable(number({ minimum: 0 }))
  })
)
export type FinalEvent = Infer<typeof finalEvent>

export const peerEvent = named(
  'PeerEvent',
  object({
    type: literal('peer'),
    change: oneOf('connected', 'disconnected', 'graylisted'),
    key: hex32(),
    address: nullable(text())
  })
)
export type PeerEvent = Infer<typeof peerEvent>

export const deltaEvent = named(
  'DeltaEvent',
  object({
    type: literal('delta'),
    digest: hex32(),
    trainer: hex32(),
    own: boolean({ description: "this peer's" }),
    round: integer(),
    outcome,
    bytes: nullable(integer()),
    code: nullable(text())
  })
)
export type DeltaEvent = Infer<typeof deltaEvent>

export const phaseEvent = named(
  'PhaseEvent',
  object({ type: literal('phase'), phase, before: phase, reason: nullable(text()) })
)
export type PhaseEvent = Infer<typeof phaseEvent>

export const statusEvent = named('StatusEvent', object({ type: literal('status'), status }))
export type StatusEvent = Infer<typeof statusEvent>

export const gapEvent = named(
  'GapEvent',
  object(
    { type: literal('gap') },
    { description: 'events were lost between `Last-Event-ID` and the next event: read the state anew' }
  )
)
export type GapEvent = Infer<typeof gapEvent>

/** What happened to the peer; the server adds `status` and `gap` on its own. */
export type MeshEvent = RoundEvent | FinalEvent | PeerEvent | DeltaEvent | PhaseEvent

export const streamEvent = named(
  'StreamEvent',
  describe(
    'the data of one server-sent event; its `type` is also the name of the event',
    anyOf(roundEvent, finalEvent, peerEvent, deltaEvent, phaseEvent, statusEvent, gapEvent)
  )
)
export type StreamEvent = Infer<typeof streamEvent>
