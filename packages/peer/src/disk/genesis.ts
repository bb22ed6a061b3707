/** Makes the genesis of a new mesh out of a task and the keys of its first validators. */
import { randomBytes } from 'node:crypto'
import { assert, sha256, utf8 } from '@gradmesh/core'
import { tensorDigest } from '@gradmesh/ledger'
import type { Recipe, Task } from '@gradmesh/train'
import { type Digest, type Genesis, PROTOCOL_VERSION, type PublicKey } from '@gradmesh/wire'
import type { Bases } from '../training/task.ts'

export interface GenesisInit {
  readonly name: string
  readonly task: Task
  /** Of its files, if it is a plug-in. */
  readonly plugin?: { readonly digest: Digest } | null
  /** Of its tensors that are `based`; none when left out. */
  readonly bases?: Bases
  readonly validators: readonly PublicKey[]
  /** Any text; a random one when left out. Two genesis with the same seed and keys are the same mesh. */
  readonly seed?: string
  readonly rounds: number | null
  readonly roundDeadlineMs?: number
  /** Of an epoch. */
  readonly epochRounds?: number
}

export const genesisDefaults = {
  roundDeadlineMs: 5000,
  stake: 1_000_000n,
  rewardPerRound: 1_000_000n,
  checkpointEvery: 16,
  epochs: { rounds: 256, bondMin: 100_000n, unbonding: 4, absentRounds: 256 }
} as const

export const makeGenesis = ({
  name,
  task,
  plugin = null,
  bases = new Map(),
  validators,
  seed,
  rounds,
  roundDeadlineMs,
  epochRounds
}: GenesisInit): Genesis => ({
  protocol: PROTOCOL_VERSION,
  name,
  seed: seed === undefined ? new Uint8Array(randomBytes(32)) : sha256(utf8(`gradmesh/genesis/1/${seed}`)),
  task: { id: task.id, digest: plugin?.digest ?? null, options: task.options },
  tensors: task
    .tensors()
    .map(({ based, ...tensor }) => ({ ...tensor, base: based ? digestOf(bases, tensor.name) : null })),
  training: trainingOf(task.recipe),
  delta: { chunk: task.recipe.chunk, keep: task.recipe.keep, errorDecayQ8: task.recipe.errorDecayQ8 },
  privacy: 'plain',
  timing: { roundDeadlineMs: roundDeadlineMs ?? genesisDefaults.roundDeadlineMs },
  end: { rounds },
  rewardPerRound: genesisDefaults.rewardPerRound,
  checkpointEvery: genesisDefaults.checkpointEvery,
  epochs: { ...genesisDefaults.epochs, rounds: epochRounds ?? genesisDefaults.epochs.rounds },
  validators: validators.map(key => ({ key, stake: genesisDefaults.stake }))
})

const digestOf = (bases: Bases, name: string): Digest => {
  const values = bases.get(name)
  assert(values !== undefined, `a task gives a base for ${name}`)
  return tensorDigest(values)
}

const trainingOf = ({
  innerSteps,
  batch,
  innerRateMicro,
  outerRateQ16,
  warmupRounds
}: Recipe): Genesis['training'] => ({
  innerSteps,
  batch,
  innerRateMicro,
  outerRateQ16,
  warmupRounds
})
