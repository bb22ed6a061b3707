import { bitmapOf } from '@gradmesh/wire'
import fc from 'fast-check'
import t from 'tap'
import { signers, totalStake } from '../src/index.ts'
import { block, certificate, configOf } from './fixtures/mesh.ts'

const { validators } = configOf([1, 1, 1, 1])

t.test('three of four are a quorum, two are not', async t => {
  t.strictSame(signers(certificate('SKIP', 1, [0, 1, 3]), validators, 4n), [0, 1, 3])
  t.equal(signers(certificate('SKIP', 1, [0, 1]), validators, 4n), undefined)
})

t.test('exactly two thirds are not enough', async t => {
  const heavy = configOf([1, 1, 1, 3]).validators
  t.equal(signers(certificate('SKIP', 1, [0, 3]), heavy, 6n), undefined)
  t.strictSame(signers(certificate('SKIP', 1, [0, 1, 3]), heavy, 6n), [0, 1, 3])
})

t.test('a malformed bitmap has no signers', async t => {
  const good = certificate('NOTAR', block(1, null))
  t.equal(signers({ ...good, bitmap: new Uint8Array([0b11111110]) }, validators, 4n), undefined, 'spare bits')
  t.equal(signers({ ...good, bitmap: new Uint8Array([0b1110, 0]) }, validators, 4n), undefined, 'too long')
  t.equal(signers({ ...good, signatures: good.signatures.slice(1) }, validators, 4n), undefined, 'one short')
})

t.test('two quorums share more than a third of the stake', async t => {
  const set = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6], { minLength: 4 })
  let pairs = 0
  fc.assert(
    fc.property(
      fc.array(fc.bigInt(0n, 1n << 60n), { minLength: 7, maxLength: 7 }),
      set,
      set,
      (stakes, a, b) => {
        const list = stakes.map(stake => ({ key: new Uint8Array(32), stake }))
        const total = totalStake(list)
        const isOne = (voters: number[]) => {
          const signatures = voters.map(() => new Uint8Array(64))
          const made = { ...certificate('SKIP', 1), bitmap: bitmapOf(7, voters), signatures }
          return signers(made, list, total) !== undefined
        }
        if (!isOne(a) || !isOne(b)) return true
        pairs++
        const shared = a.filter(i => b.includes(i)).reduce((sum, i) => sum + stakes[i]!, 0n)
        return 3n * shared > total
      }
    ),
    { numRuns: 500 }
  )
  t.ok(pairs > 50, `${pairs} pairs of quorums`)
})
