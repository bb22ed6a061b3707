import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createChain } from '@gradmesh/store'
import { openLevelDb } from '@gradmesh/store/leveldb'
import t from 'tap'
import {
  ensureKey,
  foundTask,
  makeGenesis,
  readGenesis,
  settleFolder,
  verifyFolder
} from '../../src/index.ts'

/** A peer's folder before its first block. */
const freshFolder = async (folder: string): Promise<string> => {
  const keys = await ensureKey(folder)
  const { task } = await foundTask('digits')
  await settleFolder(
    folder,
    makeGenesis({ name: 'verified', task, validators: [keys.publicKey], rounds: 1 }),
    keys
  )
  const chain = await openLevelDb(join(folder, 'chain'), { create: true })
  await createChain(chain, (await readGenesis(folder)).bytes)
  await chain.close()
  return folder
}

t.test('what is not whole is named by its place in the folder', async t => {
  const dir = t.testdir()
  const folder = await freshFolder(join(dir, 'one'))
  const firstFinding = async () => (await verifyFolder(folder)).findings[0]
  t.equal(await firstFinding(), undefined)

  const mirror = join(folder, 'safety', 'high-water')
  const whole = await readFile(mirror)
  await writeFile(mirror, whole.subarray(1))
  t.match(await firstFinding(), { where: 'safety', what: 'is not whole' })
  await writeFile(mirror, whole)

  const current = join(folder, 'chain', 'CURRENT')
  const named = await readFile(current)
  await writeFile(current, 'garbage')
  t.match(await firstFinding(), { where: 'chain/CURRENT' })
  await writeFile(current, named)

  const other = await freshFolder(join(dir, 'other'))
  await copyFile(join(other, 'key'), join(folder, 'key'))
  t.match(await firstFinding(), { where: 'key', what: 'another key' })
})
