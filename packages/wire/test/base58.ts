import fc from 'fast-check'
import { base58btc } from 'multiformats/bases/base58'
import t from 'tap'
import { decodeBase58 } from '../src/base58.ts'

t.test('it reads what the usual encoder writes', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4 }), fc.uint8Array({ maxLength: 200 }), (zeros, rest) => {
      const bytes = Uint8Array.from([...new Uint8Array(zeros), ...rest])
      const letters = base58btc.encode(bytes).slice(1)
      return Buffer.compare(decodeBase58(letters)!, bytes) === 0
    })
  )
})

t.test('and any letters as the usual decoder does', async () => {
  const letter = fc.constantFrom(...'19Az0OIl!é')
  fc.assert(
    fc.property(fc.string({ unit: letter, maxLength: 40 }), letters => {
      let usual: Uint8Array | undefined
      try {
        usual = base58btc.decode(`z${letters}`)
      } catch {}
      const ours = decodeBase58(letters)
      return usual === undefined ? ours === undefined : Buffer.compare(ours!, usual) === 0
    })
  )
})

t.test('a long text takes no long time', async t => {
  const before = process.cpuUsage()
  t.equal(decodeBase58('z'.repeat(8192))!.length, 5999)
  t.ok(process.cpuUsage(before).user < 50_000)
})
