import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toHex } from '@gradmesh/core'
import { unpack } from '@gradmesh/delta'
import { layoutOf } from '@gradmesh/ledger'
import { createChain } from '@gradmesh/store'
import { openLevelDb } from '@gradmesh/store/leveldb'
import { encodeGenesis } from '@gradmesh/wire'
import t from 'tap'
import { exportWeights } from '../../src/disk/exporting.ts'
import { paths } from '../../src/disk/folder.ts'
import { Script, smallGenesis } from '../fixtures/script.ts'

const tensors = [
  { name: 'b', shape: [3], trainable: true, initBound: 0, base: null },
  { name: 'a.weight', shape: [5, 35], trainable: true, initBound: 1 << 20, base: null }
]
const script = new Script(smallGenesis({ tensors })).grow(3)

const folderWith = async (folder: string): Promise<string> => {
  const { genesis, chain: path } = paths(folder)
  await mkdir(folder, { recursive: true })
  const bytes = encodeGenesis(script.genesis)
  await writeFile(genesis, bytes)
  const chain = await createChain(await openLevelDb(path, { create: true }), bytes)
  await script.store(chain, [2])
  await chain.close()
  return folder
}

t.test('the newest final weights as safetensors', async t => {
  const dir = t.testdir()
  const file = join(dir, 'model.safetensors')
  const exported = await exportWeights(await folderWith(join(dir, 'peer')), file)
  const root = toHex(script.state.root)
  const content = await readFile(file)
  t.strictSame(exported, { height: 3, round: 3, root, base: 0, bytes: content.length })

  const headerBytes = Number(content.readBigUInt64LE(0))
  t.equal((8 + headerBytes) % 8, 0, 'tensors are aligned')
  const header = JSON.parse(content.subarray(8, 8 + headerBytes).toString('utf8'))
  t.match(header.__metadata__, { state_root: root, round: '3', chain_height: '3' })
  const floats = unpack(
    layoutOf(script.genesis),
    Float32Array.from(script.state.weights, w => w * 2 ** -24)
  )
  let at = 0
  for (const { name, shape } of tensors) {
    const { dtype, shape: told, data_offsets: offsets } = header[name]
    t.strictSame([dtype, told], ['F32', shape], name)
    t.equal(offsets[0], at, 'no gaps')
    const expected = floats.subarray(offsets[0] / 4, offsets[1] / 4)
    at = offsets[1]
    const bytes = content.subarray(8 + headerBytes + offsets[0], 8 + headerBytes + offsets[1])
    const values = Array.from({ length: bytes.length / 4 }, (_, j) => bytes.readFloatLE(4 * j))
    t.strictSame(values, [...expected], `${name} has the final weights`)
  }
  t.equal(8 + headerBytes + at, content.length)
})

t.test('a file that cannot be written, a folder that is none', async t => {
  const dir = t.testdir()
  const folder = await folderWith(join(dir, 'peer'))
  await t.rejects(exportWeights(folder, join(dir, 'missing', 'model')), {
    code: 'EXPORT_WRITE',
    remedy: String
  })
  await t.rejects(exportWeights(join(dir, 'nowhere'), join(dir, 'x')), { code: 'GENESIS_MISSING' })
})
