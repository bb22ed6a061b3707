/** What one round of the digits model costs a validator: `node packages/ledger/bench/ledger.ts`. */
import { type TensorSpec, validateGenesis } from '@gradmesh/wire'
import {
  applyBlock,
  assignRows,
  encodeAccounts,
  genesisState,
  leafDigests,
  restoreState,
  validateBlock
} from '../src/index.ts'
import { blockOf, bodyOf, held, makeDelta, worldOf } from '../test/fixtures/world.ts'

const REPEATS = 15

const tensor = (name: string, ...shape: number[]): TensorSpec => {
  return { name, shape, trainable: true, initBound: 1_000_000, base: null }
}
const world = worldOf({
  tensors: [
    tensor('layers.0.weight', 256, 784),
    tensor('layers.0.bias', 256),
    tensor('layers.1.weight', 10, 256),
    tensor('layers.1.bias', 10)
  ],
  delta: { chunk: 4096, keep: 64, errorDecayQ8: 243 }
})
const { genesis, layout, start, validators } = world
const deltas = validators.map(keys => makeDelta(world, start, keys))
const block = blockOf(world, start, null, bodyOf(world, start, deltas))
const accounts = encodeAccounts(start.accounts)
const leader = validators[0]!.publicKey
const assignment = {
  seed: genesis.seed,
  trainerIndex: 3,
  trainerCount: 4,
  innerSteps: 10,
  batch: 64,
  samples: 8000
}

/** Median milliseconds of one run. */
const time = (name: string, run: (i: number) => void): void => {
  const taken = Array.from({ length: REPEATS }, (_, i) => {
    const start = performance.now()
    run(i)
    return performance.now() - start
  }).sort((a, b) => a - b)
  console.log(`  ${name.padEnd(36)} ${taken[REPEATS >> 1]!.toFixed(2)}`)
}

if (validateGenesis(genesis) !== null) throw new TypeError('the genesis makes no sense')
console.log(
  `203,530 parameters, ${layout.chunks} leaves, 4 validators, 4 deltas; median of ${REPEATS} in ms:`
)
time('genesis state', () => genesisState(genesis))
time('validate a block with 4 attestations', () =>
  validateBlock({ ...world, parent: start, parentHeader: null, leader, block })
)
time('apply it (aggregate, step, hash)', () =>
  applyBlock({ ...world, parent: start, block, deltas: held(...deltas) })
)
time('hash all leaves', () => leafDigests(layout, start.weights))
time('restore a checkpoint', () => restoreState(genesis, accounts, start.leaves, start.weights))
time('assign 640 rows', i => assignRows({ ...assignment, cursor: BigInt(i * 2560) }))
