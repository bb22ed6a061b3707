import t from 'tap'
import { remember } from '../src/index.ts'

t.test('the oldest goes, and who is set again is young', async t => {
  const map = new Map<string, number>()
  for (const [key, value] of [
    ['a', 1],
    ['b', 2],
    ['a', 3],
    ['c', 4]
  ] as const)
    remember(map, key, value, 2)
  t.strictSame(
    [...map],
    [
      ['a', 3],
      ['c', 4]
    ]
  )
})
