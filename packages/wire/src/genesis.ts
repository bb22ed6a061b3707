/** The agreement of a mesh. The SHA-256 of its dag-cbor is the mesh's id. */
import { concatBytes, type Fault, once, sha256, u32, u64, utf8 } from '@gradmesh/core'
import * as dagCbor from '@ipld/dag-cbor'
import { BOUNDS } from './bounds.ts'
import { cborCodec } from './cbor.ts'
import type { WireFault } from './faults.ts'
import { counter, digest, protocol, publicKey } from './fields.ts'
import type { List } from './packed.ts'
import { asCbor, packed } from './packing.ts'
import { extended, integer, list, literal, money, nullable, options, record, text, truth } from './shape.ts'
import type {
  Digest,
  EpochRules,
  Genesis,
  GenesisParent,
  GenesisValidator,
  PublicKey,
  TensorSpec
} from './types.ts'

const whole = integer(0, Number.MAX_SAFE_INTEGER)

const tensorShape = record<TensorSpec>({
  name: text(BOUNDS.tensorNameBytesMax),
  shape: list(whole, BOUNDS.tensorRankMax),
  trainable: truth,
  initBound: whole,
  base: nullable(digest)
})

/** What is agreed about the work, without who starts it: what `rulesHash` covers. */
const rulesFields = {
  task: record<Genesis['task']>({
    id: text(BOUNDS.nameBytesMax),
    digest: nullable(digest),
    options: options(BOUNDS.taskOptionsMax, BOUNDS.taskTextBytesMax)
  }),
  tensors: list(tensorShape, BOUNDS.tensorsMax),
  training: record<Genesis['training']>({
    innerSteps: whole,
    batch: whole,
    innerRateMicro: whole,
    outerRateQ16: whole,
    warmupRounds: whole
  }),
  delta: record<Genesis['delta']>({ chunk: whole, keep: whole, errorDecayQ8: whole }),
  privacy: literal('plain', 'sealed'),
  timing: record<Genesis['timing']>({ roundDeadlineMs: whole }),
  end: record<Genesis['end']>({ rounds: nullable(whole) }),
  rewardPerRound: money,
  checkpointEvery: whole,
  epochs: record<EpochRules>({ rounds: whole, bondMin: money, unbonding: whole, absentRounds: whole })
}

type Rules = Pick<Genesis, keyof typeof rulesFields>
const rulesShape = record<Rules>(rulesFields)

const codec = cborCodec<Genesis>({
  name: 'genesis',
  shape: extended<Genesis, 'parent'>(
    record<Omit<Genesis, 'parent'>>({
      protocol,
      name: text(BOUNDS.nameBytesMax),
      seed: digest,
      ...rulesFields,
      validators: packed(
        record<GenesisValidator>({ key: publicKey, stake: money }),
        BOUNDS.validatorsMax,
        asCbor
      )
    }),
    'parent',
    record<GenesisParent>({ chainId: digest, height: counter, stateRoot: digest, startRoot: digest })
  ),
  bytesMax: BOUNDS.genesisBytesMax,
  // A tensor is at most 11 items and a dimension each.
  itemsMax: (11 + BOUNDS.tensorRankMax) * BOUNDS.tensorsMax + 5 * BOUNDS.validatorsMax + 512,
  protocolAt: ['protocol']
})

export const encodeGenesis = (genesis: Genesis): Uint8Array => codec.encode(genesis)

/**
 * Form only; whether the figures make sense says `validateGenesis`.
 * Faults: WIRE_LENGTH, WIRE_CBOR, WIRE_PROTOCOL, WIRE_SHAPE, WIRE_RANGE, WIRE_BOUNDS, WIRE_CANONICAL.
 */
export const decodeGenesis = (bytes: Uint8Array): Genesis | Fault<WireFault> => codec.decode(bytes)

export const chainIdOf = once((genesis: Genesis): Digest => sha256(encodeGenesis(genesis)))

export const rulesHashOf = once(
  (genesis: Genesis): Digest => sha256(dagCbor.encode(rulesShape.write(genesis)))
)

/** SHA-256 of "mesh/v1/validators" · count u32 · (key 32 · stake u64) each, in the set's order. */
export const validatorSetHash = (
  validators: List<{ readonly key: PublicKey; readonly stake: bigint }>
): Digest =>
  sha256(
    utf8('mesh/v1/validators'),
    u32(validators.length),
    ...validators.map(({ key, stake }) => concatBytes(key, u64(stake)))
  )

/** SHA-256 of "mesh/v1/trainers" · count u32 · keys, in registry order. */
export const trainerSetHash = (keys: readonly PublicKey[]): Digest =>
  sha256(utf8('mesh/v1/trainers'), u32(keys.length), ...keys)
