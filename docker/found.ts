/**
 * What the containers need before a peer can start, in the volume that they share. Each action may be run
 * again, also after it was cut off: what is there stays.
 *
 *     found.ts mesh    --data DIR [--validators N] [--rounds N] [--round-ms N] [--task NAME] [--seed TEXT]
 *     found.ts seat    --data DIR --name SEAT      a new key and the mesh's genesis
 *
 *     DIR/mesh/genesis     what all agree on
 *     DIR/peers/SEAT/      a peer's folder: key, genesis, safety/, chain/
 */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MeshError, toHex } from '@gradmesh/core'
import { ensureKey, foundTask, makeGenesis, paths, readGenesis, settleFolder } from '@gradmesh/peer'
import { chainIdOf, encodeGenesis, type Genesis, type KeyPair } from '@gradmesh/wire'

const VALIDATORS_MAX = 64

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string', default: '/data' },
    name: { type: 'string', default: '' },
    validators: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '' },
    'round-ms': { type: 'string', default: '' },
    task: { type: 'string', default: 'digits' },
    seed: { type: 'string', default: '' }
  }
})

const meshFolder = join(values.data, 'mesh')
const seatFolder = (name: string): string => join(values.data, 'peers', name)

const foundMesh = async (): Promise<void> => {
  const held = await heldGenesis()
  const count = held?.validators.length ?? number('validators', 1, VALIDATORS_MAX) ?? 4
  const folders = Array.from({ length: count }, (_, i) => seatFolder(`validator-${i + 1}`))
  const keys: KeyPair[] = []
  for (const folder of folders) keys.push(await ensureKey(folder))
  const genesis = held ?? (await newGenesis(keys))
  // The mesh's own copy comes first: a second run after a failure finds it and makes no other.
  if (held === undefined) await keepGenesis(genesis)
  for (const [i, folder] of folders.entries()) await settleFolder(folder, genesis, keys[i]!)
  const rounds = genesis.end.rounds === null ? 'without end' : `${genesis.end.rounds} rounds`
  console.log(
    `mesh ${toHex(chainIdOf(genesis)).slice(0, 16)} ${held === undefined ? 'made' : 'found'}: ${count} validators learn "${genesis.task.id}", ${rounds}`
  )
}

const foundSeat = async (): Promise<void> => {
  const { genesis } = await readGenesis(meshFolder)
  const folder = seatFolder(values.name)
  await settleFolder(folder, genesis, await ensureKey(folder))
}

const newGenesis = async (keys: readonly KeyPair[]): Promise<Genesis> => {
  const { task, bases } = await foundTask(values.task)
  const rounds = number('rounds', 0, 1_000_000)
  const roundDeadlineMs = number('round-ms', 100, 3_600_000)
  return makeGenesis({
    name: 'compose',
    task,
    bases,
    validators: keys.map(({ publicKey }) => publicKey),
    rounds: rounds === undefined ? task.recipe.rounds : rounds === 0 ? null : rounds,
    ...(roundDeadlineMs === undefined ? {} : { roundDeadlineMs }),
    ...(values.seed === '' ? {} : { seed: values.seed })
  })
}

const heldGenesis = async (): Promise<Genesis | undefined> =>
  readGenesis(meshFolder).then(
    ({ genesis }) => genesis,
    error => {
      if (error instanceof MeshError && error.code === 'GENESIS_MISSING') return undefined
      throw error
    }
  )

const keepGenesis = async (genesis: Genesis): Promise<void> => {
  await mkdir(meshFolder, { recursive: true })
  const { genesis: path } = paths(meshFolder)
  await writeFile(`${path}.new`, encodeGenesis(genesis), { flush: true })
  await rename(`${path}.new`, path)
}

const number = (name: 'validators' | 'rounds' | 'round-ms', min: number, max: number): number | undefined => {
  const given = values[name]
  if (given === '') return undefined
  const value = Number(given)
  if (/^\d+$/.test(given) && value >= min && value <= max) return value
  throw new MeshError('USAGE_VALUE', `--${name} ${given}: a whole number from ${min} to ${max} is expected`, {
    remedy: 'correct the value'
  })
}

const actions: Readonly<Record<string, () => Promise<void>>> = { mesh: foundMesh, seat: foundSeat }

try {
  const action = actions[positionals[0] ?? '']
  if (action === undefined)
    throw new MeshError('USAGE_COMMAND', `found.ts ${Object.keys(actions).join('|')} is expected`)
  await action()
} catch (error) {
  if (!(error instanceof MeshError)) throw error
  console.error(
    `error ${error.code}: ${error.message}${error.remedy === undefined ? '' : `\n  what to do: ${error.remedy}`}`
  )
  process.exitCode = error.code.startsWith('USAGE') ? 2 : 1
}
