import t from 'tap'
import * as wire from '../src/index.ts'
import * as mesh from './fixtures/mesh.ts'

const { genesis, keys } = mesh
const faultOf = (change: Partial<wire.Genesis>) =>
  wire.validateGenesis({ ...genesis, ...change })?.fault ?? null
const tensors = (...changes: readonly Partial<wire.TensorSpec>[]) =>
  faultOf({ tensors: changes.map(change => ({ ...genesis.tensors[0]!, ...change })) })
const training = (change: Partial<wire.Genesis['training']>) =>
  faultOf({ training: { ...genesis.training, ...change } })
const delta = (change: Partial<wire.Genesis['delta']>) => faultOf({ delta: { ...genesis.delta, ...change } })
const stakes = (...stakes: readonly bigint[]) =>
  faultOf({
    validators: stakes.map((stake, i) => ({ key: keys[i]!, stake })),
    epochs: { ...genesis.epochs, bondMin: 1n }
  })

t.test('the sample is sound', async t => {
  t.equal(wire.validateGenesis(genesis), null)
  t.equal(faultOf({ end: { rounds: null } }), null)
  t.equal(faultOf({ privacy: 'sealed' }), null)
})

t.test('each figure has its bounds and its code', async t => {
  t.match(wire.validateGenesis({ ...genesis, protocol: 4 }), {
    fault: 'GENESIS_PROTOCOL',
    detail: /protocol 4,.* 3$/
  })
  t.equal(faultOf({ name: '' }), 'GENESIS_NAME')
  t.equal(faultOf({ name: 'a\u0007' }), 'GENESIS_NAME')
  t.equal(faultOf({ task: { ...genesis.task, id: '' } }), 'GENESIS_TRAINING')

  t.equal(faultOf({ tensors: [] }), 'GENESIS_TENSORS')
  t.equal(tensors({}, {}), 'GENESIS_TENSORS', 'one name twice')
  t.equal(tensors({ name: '' }), 'GENESIS_TENSORS')
  t.equal(tensors({ shape: [] }), 'GENESIS_TENSORS')
  t.equal(tensors({ shape: [4, 0] }), 'GENESIS_TENSORS')
  t.equal(tensors({ shape: [2 ** 28] }), null)
  t.equal(tensors({ shape: [2 ** 28 + 1] }), 'GENESIS_TENSORS')
  t.equal(tensors({ shape: [2 ** 20, 2 ** 20] }), 'GENESIS_TENSORS')
  t.equal(tensors({ shape: [2 ** 28] }, { name: 'b', shape: [1] }), 'GENESIS_TENSORS', 'too many together')
  t.equal(tensors({ initBound: 2 ** 31 - 1 }), null)
  t.equal(tensors({ initBound: 2 ** 31 }), 'GENESIS_TENSORS')
  t.equal(tensors({ initBound: -1 }), 'GENESIS_TENSORS')
  t.equal(tensors({ initBound: 1, base: mesh.digestOf('b') }), 'GENESIS_TENSORS')
  t.equal(tensors({ trainable: false }), 'GENESIS_TENSORS', 'nothing to train')

  t.equal(training({ innerSteps: 0 }), 'GENESIS_TRAINING')
  t.equal(training({ innerSteps: 65_536 }), 'GENESIS_TRAINING')
  t.equal(training({ batch: 0 }), 'GENESIS_TRAINING')
  t.equal(training({ innerRateMicro: 0 }), 'GENESIS_TRAINING')
  t.equal(training({ outerRateQ16: 0 }), 'GENESIS_TRAINING')
  t.equal(training({ outerRateQ16: 1.5 }), 'GENESIS_TRAINING')
  t.equal(training({ warmupRounds: -1 }), 'GENESIS_TRAINING')

  const epochs = (change: Partial<wire.EpochRules>) => faultOf({ epochs: { ...genesis.epochs, ...change } })
  t.equal(epochs({ rounds: 2 }), null)
  t.equal(epochs({ rounds: 1 }), 'GENESIS_EPOCHS')
  t.equal(epochs({ unbonding: 0 }), 'GENESIS_EPOCHS')
  t.equal(epochs({ unbonding: 17 }), 'GENESIS_EPOCHS')
  t.equal(epochs({ absentRounds: 0 }), 'GENESIS_EPOCHS')
  t.equal(epochs({ bondMin: 0n }), 'GENESIS_EPOCHS')
  t.equal(epochs({ bondMin: 1_001n }), 'GENESIS_EPOCHS', 'a validator stakes less')

  t.equal(delta({ chunk: 4_095 }), 'GENESIS_DELTA')
  t.equal(delta({ chunk: 8_192 }), 'GENESIS_DELTA')
  t.equal(delta({ chunk: 0 }), 'GENESIS_DELTA')
  t.equal(delta({ keep: 0 }), 'GENESIS_DELTA')
  t.equal(delta({ keep: 65 }), 'GENESIS_DELTA')
  t.equal(delta({ chunk: 16, keep: 17 }), 'GENESIS_DELTA')
  t.equal(delta({ errorDecayQ8: 257 }), 'GENESIS_DELTA')

  t.equal(faultOf({ timing: { roundDeadlineMs: 0 } }), 'GENESIS_TIMING')
  t.equal(faultOf({ end: { rounds: 0 } }), 'GENESIS_END')
  t.equal(faultOf({ checkpointEvery: 0 }), 'GENESIS_CHECKPOINT')
})

t.test('validators and money', async t => {
  t.equal(stakes(1n), null)
  t.equal(stakes(), 'GENESIS_VALIDATORS')
  t.equal(stakes(1n, 0n), 'GENESIS_VALIDATORS')
  t.equal(stakes(-1n), 'GENESIS_VALIDATORS')
  const twice = [keys[0]!, keys[0]!].map(key => ({ key, stake: 1n }))
  t.equal(faultOf({ validators: twice }), 'GENESIS_VALIDATORS')
  t.equal(
    faultOf({ validators: [{ key: new Uint8Array(32), stake: 1n }] }),
    'GENESIS_VALIDATORS',
    'a key of small order'
  )
  t.equal(
    faultOf({ validators: [{ key: new Uint8Array(32).fill(2), stake: 1n }] }),
    'GENESIS_VALIDATORS',
    'off the curve'
  )

  t.equal(stakes(2n ** 64n - 1n), 'GENESIS_SUPPLY', 'no room for rewards')
  t.equal(faultOf({ rewardPerRound: 2n ** 40n, end: { rounds: null } }), 'GENESIS_SUPPLY')
  t.equal(faultOf({ rewardPerRound: 2n ** 30n, end: { rounds: null } }), null)
  t.equal(faultOf({ rewardPerRound: -1n }), 'GENESIS_SUPPLY')
})

t.test('hashes tell apart what they should', async t => {
  const changed = { ...genesis, seed: mesh.digestOf('another') }
  t.notSame(wire.chainIdOf(changed), wire.chainIdOf(genesis))
  t.same(wire.rulesHashOf(changed), wire.rulesHashOf(genesis), 'the seed is no rule')
  t.notSame(wire.rulesHashOf({ ...genesis, rewardPerRound: 1n }), wire.rulesHashOf(genesis))
  const [a, b] = mesh.validators
  t.notSame(wire.validatorSetHash([a!, b!]), wire.validatorSetHash([b!, a!]))
  t.notSame(wire.validatorSetHash([a!]), wire.validatorSetHash([{ ...a!, stake: 1n }]))
  t.notSame(wire.trainerSetHash(keys), wire.trainerSetHash(keys.slice(1)))
  t.notSame(wire.trainerSetHash([]), wire.validatorSetHash([]))
})
