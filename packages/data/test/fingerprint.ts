import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toHex } from '@gradmesh/core'
import t from 'tap'
import { checkFile, DATA_BLOCK_BYTES, fingerprint } from '../src/index.ts'

t.test('a file is known by its content', async t => {
  const path = join(t.testdir(), 'file')
  const content = Uint8Array.from({ length: 2 * DATA_BLOCK_BYTES + 5 }, (_, i) => i % 253)
  await writeFile(path, content)
  const whole = await fingerprint(path)
  t.equal(whole.bytes, content.length)
  t.equal(whole.blocks.length, 3)
  t.equal(
    toHex(whole.root),
    '2f099a203517291232d65d74679de6484924c686df22d5394cb090baba301c32',
    'as earlier versions had it'
  )
  t.strictSame(await checkFile(path, whole.root), whole)

  content[DATA_BLOCK_BYTES + 7]! ^= 1
  await writeFile(path, content)
  const other = await fingerprint(path)
  t.strictSame(
    other.blocks.map((block, i) => toHex(block) === toHex(whole.blocks[i]!)),
    [true, false, true]
  )
  await t.rejects(checkFile(path, whole.root), { code: 'DATA_CHANGED' })
  await t.rejects(fingerprint(join(path, 'nowhere')), { code: 'DATA_UNREADABLE' })
  await writeFile(path, '')
  t.match(await fingerprint(path), { bytes: 0, blocks: [] })
})
