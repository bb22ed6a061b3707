/** How a peer is doing, and whether it is well. `null`, here and in all replies, is "not known yet", never zero. */
import {
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
} from '../schema.ts'
import { reachability } from './reachability.ts'
import { duration, wallMs } from './units.ts'

export const PHASES = ['starting', 'syncing', 'training', 'waiting', 'finished', 'stalled'] as const
export const phase = named('Phase', oneOf(...PHASES))
export type Phase = Infer<typeof phase>

export const role = named('Role', oneOf('validator', 'trainer', 'follower'))
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

export const health = named(
  'Health',
  object({
    healthy: literal(true),
    reason: text({ description: 'what shows it, for example the newest final block' })
  })
)
export type Health = Infer<typeof health>
