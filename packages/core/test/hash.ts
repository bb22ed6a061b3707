import fc from 'fast-check'
import t from 'tap'
import { sha256, sha256Portable, toHex, utf8 } from '../src/index.ts'

t.test('FIPS 180-4 examples', async t => {
  t.equal(toHex(sha256(utf8('abc'))), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  t.equal(toHex(sha256()), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
})

t.test('the native and the portable implementation agree, however the bytes are cut', async t => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), parts => {
      const whole = sha256Portable(Uint8Array.from(parts.flatMap(part => [...part])))
      return toHex(sha256(...parts)) === toHex(whole) && toHex(sha256Portable(...parts)) === toHex(whole)
    })
  )
  const large = new Uint8Array(1 << 20).map((_, i) => i)
  t.equal(toHex(sha256(large)), toHex(sha256Portable(large)))
})
