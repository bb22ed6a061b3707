import fc from 'fast-check'
import t from 'tap'
import { classBytes } from '../../src/runtime/pool.ts'

t.test('a class holds its size, wastes at most a quarter past 1 KiB, and is whole', async t => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 32 }), bytes => {
      const size = classBytes(bytes)
      return size >= bytes && size % 256 === 0 && (bytes <= 1024 || size <= bytes * 1.25)
    })
  )
  t.equal(classBytes(1), 256)
  t.equal(classBytes(256), 256)
  t.equal(classBytes(257), 512)
})

t.test('a class is its own class, so a freed buffer is found again', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 32 }),
      bytes => classBytes(classBytes(bytes)) === classBytes(bytes)
    )
  )
})
