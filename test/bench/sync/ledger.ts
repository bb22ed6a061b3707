/** The ledger that a joiner is given: so many blocks, a model of so many parameters, and one checkpoint in it. */
import { createChain } from '@gradmesh/store'
import { openLevelDb } from '@gradmesh/store/leveldb'
import { encodeGenesis, type Genesis } from '@gradmesh/wire'
import { Script, smallGenesis, validatorKeys } from '../../../packages/peer/test/fixtures/script.ts'

const CHUNK = 4096
const EMPTY = { deltas: [], attests: [], keys: [], scores: [], txs: [], evidence: [] }

export interface Shape {
  readonly blocks: number
  readonly parameters: number
  /** Rounds that four trainers closed above the checkpoint; the blocks below it are empty but for the first. */
  readonly rounds: number
}

export const genesisOf = ({ parameters, rounds, blocks }: Shape): Genesis =>
  smallGenesis({
    tensors: [
      {
        name: 'w',
        shape: [Math.ceil(parameters / CHUNK), CHUNK],
        trainable: true,
        initBound: 1 << 20,
        base: null
      }
    ],
    delta: { chunk: CHUNK, keep: 64, errorDecayQ8: 243 },
    checkpointEvery: blocks - rounds
  })

/** Deltas are bound to their round by their headers; what they say may be the same each time. */
export const writeLedger = async (folder: string, shape: Shape): Promise<void> => {
  const genesis = genesisOf(shape)
  const script = new Script(genesis)
  const database = await openLevelDb(folder, { create: true })
  const chain = await createChain(database, encodeGenesis(genesis))
  const checkpoint = shape.blocks - shape.rounds
  const works = validatorKeys.map(() => script.work())
  for (let height = 1; height <= shape.blocks; height++) {
    if (height === 1 || height > checkpoint) {
      const deltas = validatorKeys.map((keys, i) => script.delta(keys, 4, works[i]!))
      script.write(script.roundBody(deltas), deltas)
    } else script.write(EMPTY, [])
    await script.store(chain, [checkpoint])
    script.forget()
  }
  await database.close()
}
