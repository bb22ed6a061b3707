/** Whether the figures of a genesis make sense together: the checks that its encoding cannot express. */
import { type Fault, fault, toHex } from '@gradmesh/core'
import { BOUNDS, U32_MAX, U64_MAX } from './bounds.ts'
import { isUsableKey } from './keys.ts'
import { isPrintable } from './shape.ts'
import { type Genesis, PROTOCOL_VERSION } from './types.ts'

export type GenesisFault =
  | 'GENESIS_PROTOCOL'
  | 'GENESIS_NAME'
  | 'GENESIS_TENSORS'
  | 'GENESIS_TRAINING'
  | 'GENESIS_DELTA'
  | 'GENESIS_TIMING'
  | 'GENESIS_END'
  | 'GENESIS_SUPPLY'
  | 'GENESIS_CHECKPOINT'
  | 'GENESIS_EPOCHS'
  | 'GENESIS_VALIDATORS'
  | 'GENESIS_PARENT'

type Answer = Fault<GenesisFault> | null
type Figure = readonly [name: string, value: number, min: number, max: number]

/** Every leaf of a checkpoint holds one chunk of this many weights. */
const PARAMETERS_MAX = BOUNDS.leavesMax * 4_096
const HOUR_MS = 3_600_000

const inRange = (code: GenesisFault, ...figures: readonly Figure[]): Answer => {
  for (const [name, value, min, max] of figures) {
    if (!Number.isSafeInteger(value) || value < min || value > max) {
      return fault(code, `${name}: ${value}, ${min}..${max} wanted`)
    }
  }
  return null
}

const checkTensors = ({ tensors, delta }: Genesis): Answer => {
  const wrong = (detail: string) => fault('GENESIS_TENSORS' as const, detail)
  if (tensors.length === 0 || tensors.length > BOUNDS.tensorsMax) {
    return wrong(`${tensors.length} tensors, 1..${BOUNDS.tensorsMax} wanted`)
  }
  const names = new Set<string>()
  let padded = 0
  for (const { name, shape, initBound, base } of tensors) {
    if (name === '' || !isPrintable(name)) return wrong('a tensor needs a name that can be shown')
    if (names.has(name)) return wrong(`two tensors are named ${name}`)
    names.add(name)
    if (shape.length === 0) return wrong(`${name}: a shape has at least one dimension`)
    const size = shape.reduce((product, length) => product * length, 1)
    const figures = inRange(
      'GENESIS_TENSORS',
      ...shape.map((length, i): Figure => [`${name}.shape[${i}]`, length, 1, PARAMETERS_MAX]),
      [`${name}: entries`, size, 1, PARAMETERS_MAX],
      // Unit 2^-24 in an int32.
      [`${name}.initBound`, initBound, 0, 2 ** 31 - 1]
    )
    if (figures !== null) return figures
    if (base !== null && initBound !== 0) return wrong(`${name}: starts from a base and at random at once`)
    padded += size + ((delta.chunk - (size % delta.chunk)) % delta.chunk)
  }
  if (padded > PARAMETERS_MAX) return wrong(`${padded} parameters with padding, at most ${PARAMETERS_MAX}`)
  return tensors.some(({ trainable }) => trainable) ? null : wrong('no tensor is trainable')
}

const checkDelta = ({ delta: { chunk, keep, errorDecayQ8 } }: Genesis): Answer => {
  const figures = inRange(
    'GENESIS_DELTA',
    // Indices have 12 bits.
    ['delta.chunk', chunk, 16, 4_096],
    ['delta.keep', keep, 1, Math.min(64, chunk)],
    ['delta.errorDecayQ8', errorDecayQ8, 0, 256]
  )
  if (figures !== null) return figures
  return (chunk & (chunk - 1)) === 0
    ? null
    : fault('GENESIS_DELTA', `delta.chunk: ${chunk} is no power of two`)
}

const checkValidators = ({ validators }: Genesis): Answer => {
  const wrong = (detail: string) => fault('GENESIS_VALIDATORS' as const, detail)
  if (validators.length === 0 || validators.length > BOUNDS.validatorsMax) {
    return wrong(`${validators.length} validators, 1..${BOUNDS.validatorsMax} wanted`)
  }
  const keys = new Set<string>()
  for (const [i, { key, stake }] of [...validators].entries()) {
    if (!isUsableKey(key)) return wrong(`validator ${i}: its key is no Ed25519 key`)
    if (stake <= 0n) return wrong(`validator ${i}: its stake is not positive`)
    if (keys.has(toHex(key))) return wrong(`validator ${i}: its key stands twice`)
    keys.add(toHex(key))
  }
  return null
}

/** An account's schedules have an entry an epoch of `unbonding`, so that one is small. */
const checkEpochs = ({
  epochs: { rounds, bondMin, unbonding, absentRounds },
  validators
}: Genesis): Answer => {
  const figures = inRange(
    'GENESIS_EPOCHS',
    ['epochs.rounds', rounds, 2, U32_MAX],
    ['epochs.unbonding', unbonding, 1, BOUNDS.unbondingEpochsMax],
    ['epochs.absentRounds', absentRounds, 1, U32_MAX]
  )
  if (figures !== null) return figures
  const poor = [...validators].findIndex(({ stake }) => stake < bondMin)
  if (bondMin >= 1n && poor === -1) return null
  const detail =
    poor === -1 ? 'epochs.bondMin: at least 1 wanted' : `validator ${poor}: stakes less than bondMin`
  return fault('GENESIS_EPOCHS', detail)
}

/** Stakes and every reward that can ever be paid must fit a u64, so that no sum of money overflows. */
const checkSupply = ({ validators, rewardPerRound, end }: Genesis): Answer => {
  const staked = validators.reduce((sum, { stake }) => sum + stake, 0n)
  const total = staked + rewardPerRound * BigInt(end.rounds ?? U32_MAX)
  return rewardPerRound >= 0n && total <= U64_MAX
    ? null
    : fault('GENESIS_SUPPLY', `stakes and rewards come to ${total}, 0..${U64_MAX} wanted`)
}

/**
 * Null for a genesis that a mesh can run on. Faults: GENESIS_PROTOCOL, GENESIS_NAME, GENESIS_DELTA,
 * GENESIS_TENSORS, GENESIS_TRAINING, GENESIS_TIMING, GENESIS_END, GENESIS_CHECKPOINT,
 * GENESIS_VALIDATORS, GENESIS_EPOCHS, GENESIS_SUPPLY, GENESIS_PARENT.
 */
export const validateGenesis = (genesis: Genesis): Answer => {
  const { protocol, name, training, timing, end, checkpointEvery, task } = genesis
  if (protocol !== PROTOCOL_VERSION) {
    return fault(
      'GENESIS_PROTOCOL',
      `the genesis speaks protocol ${protocol}, this peer speaks ${PROTOCOL_VERSION}`
    )
  }
  if (name === '' || !isPrintable(name)) return fault('GENESIS_NAME', 'a mesh needs a name that can be shown')
  if (task.id === '') return fault('GENESIS_TRAINING', 'task.id is empty')
  return (
    checkDelta(genesis) ??
    checkTensors(genesis) ??
    inRange(
      'GENESIS_TRAINING',
      ['training.innerSteps', training.innerSteps, 1, BOUNDS.innerStepsMax],
      ['training.batch', training.batch, 1, 65_536],
      ['training.innerRateMicro', training.innerRateMicro, 1, 1_000_000],
      ['training.outerRateQ16', training.outerRateQ16, 1, 4 * 65_536],
      ['training.warmupRounds', training.warmupRounds, 0, 1_000_000]
    ) ??
    inRange('GENESIS_TIMING', ['timing.roundDeadlineMs', timing.roundDeadlineMs, 10, HOUR_MS]) ??
    (end.rounds === null ? null : inRange('GENESIS_END', ['end.rounds', end.rounds, 1, U32_MAX])) ??
    inRange('GENESIS_CHECKPOINT', ['checkpointEvery', checkpointEvery, 1, 65_536]) ??
    checkValidators(genesis) ??
    checkEpochs(genesis) ??
    checkSupply(genesis) ??
    (genesis.parent === undefined
      ? null
      : inRange('GENESIS_PARENT', ['parent.height', genesis.parent.height, 1, U32_MAX]))
  )
}
