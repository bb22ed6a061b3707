import t from 'tap'
import { once } from '../src/once.ts'

t.test('made once an object, or known beforehand', async t => {
  let made = 0
  const size = once((items: readonly number[]) => {
    made++
    return items.length
  })
  const items = [1, 2]
  t.equal(size(items), 2)
  t.equal(size(items), 2)
  t.equal(made, 1)
  t.equal(size([1, 2]), 2, 'an equal one is another one')
  t.equal(made, 2)
  size.know(items, 7)
  t.equal(size(items), 7)
})
